-- The worker gives its job back, unharmed: it waits again, at its old place, or is over where the
-- client has asked for that and no worker was left to hear it.
-- ARGV[1] id        ARGV[2] fence
-- ARGV[3…6] keeping as `keeping_from` in job/prelude.lua has it
-- Replies 'ok', or 'lost' where the claim is not held: then nothing has changed.
local state = redis.call('HMGET', record, 'status', 'fence', 'cancel_requested')
if state[1] ~= 'running' or state[2] ~= ARGV[2] then return 'lost' end
if state[3] then
  finish(ARGV[1], 'canceled', keeping_from(3))
  return 'ok'
end

redis.call('ZREM', running, ARGV[1])
redis.call('HDEL', record, 'fence')
enter_queue(ARGV[1])
change('status', 'queued')
return 'ok'
