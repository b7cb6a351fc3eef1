-- The client wants no more of a job: it ends at once where nobody paints it, else it is asked to.
-- KEYS[1] record    KEYS[2] waiting
-- ARGV[1] id        ARGV[2] retention_ms
-- Replies 'canceled', 'asked', 'over' (unchanged) or 'unknown'.
local state = redis.call('HMGET', KEYS[1], 'status', 'lease_ms', 'cancel_requested')
if not state[1] then return 'unknown' end

local painted = state[1] == 'running' and tonumber(state[2]) > now_ms()
if painted then
  if not state[3] then change(KEYS[1], 'cancel_requested', 1) end
  return 'asked'
end
if state[1] == 'queued' or state[1] == 'running' then
  redis.call('ZREM', KEYS[2], ARGV[1])
  finish(KEYS[1], 'canceled', ARGV[2])
  return 'canceled'
end
return 'over'
