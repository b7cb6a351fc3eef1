-- Reads what has been counted, and how long the queues are.
--
-- Keys: counters, waiting, running, webhooks (job/prelude.lua)
-- Arguments:
--   lanes  how many there are
-- Returns {fields and values of the counters, queued jobs of each lane, running jobs, webhooks to try}.
local queued = {}
for lane = 0, lanes - 1 do
  local first = string.format('%.0f', queue_place(lane, 0, 0))
  local beyond = string.format('(%.0f', queue_place(lane + 1, 0, 0))
  queued[lane + 1] = redis.call('ZCOUNT', waiting, first, beyond)
end
return {redis.call('HGETALL', counters), queued, redis.call('ZCARD', running),
        redis.call('ZCARD', webhooks)}
