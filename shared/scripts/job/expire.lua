-- A job that has waited for longer than it may is over.
-- ARGV[1] id        ARGV[2…5] keeping    as `keeping_from` in job/prelude.lua has it
-- Replies 'expired', or 'kept' where it does not wait or its deadline is still to come.
local state = redis.call('HMGET', record, 'status', 'deadline_ms', 'started_ms')
if state[1] ~= 'queued' or state[3] then
  redis.call('ZREM', deadlines, ARGV[1])
  return 'kept'
end
if not state[2] or tonumber(state[2]) > now_ms() then return 'kept' end
finish(ARGV[1], 'expired', keeping_from(2))
return 'expired'
