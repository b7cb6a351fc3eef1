-- A queued job past its deadline expires.
--
-- Keys: record, deadlines
-- Arguments: those of `Retention` (prelude.lua)
-- Returns 'expired', or 'unchanged' if it is not queued or its deadline has not passed.
local state = redis.call('HMGET', record, 'status', 'deadline_ms', 'started_ms')
if state[1] ~= 'queued' or state[3] then
  redis.call('ZREM', deadlines, id)
  return 'unchanged'
end
if not state[2] or tonumber(state[2]) > now_ms() then return 'unchanged' end
finish_job('expired')
return 'expired'
