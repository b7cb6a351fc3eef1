-- Reads the counters, and how long the queues are.
--
-- Keys: counters, waiting, arrivals, running, webhooks (job/prelude.lua)
--   leader  string: the name of the reconciler that leads
-- Arguments:
--   lanes  how many there are
-- Returns {fields and values of the counters, queued jobs of each lane, how long the oldest of them
-- has waited (milliseconds), running jobs, webhooks to try, 1 if a reconciler leads}.
local queued = {}
for lane = 0, lanes - 1 do
  local first = string.format('%.0f', queue_place(lane, 0, 0))
  local beyond = string.format('(%.0f', queue_place(lane + 1, 0, 0))
  queued[lane + 1] = redis.call('ZCOUNT', waiting, first, beyond)
end
local oldest = redis.call('ZRANGE', arrivals, 0, 0, 'WITHSCORES')
while oldest[1] and not redis.call('ZSCORE', waiting, oldest[1]) do
  -- A worker of an older version took it.
  redis.call('ZREM', arrivals, oldest[1])
  oldest = redis.call('ZRANGE', arrivals, 0, 0, 'WITHSCORES')
end
local oldest_ms = oldest[2] and math.max(0, now_ms() - oldest[2]) or 0
return {redis.call('HGETALL', counters), queued, oldest_ms, redis.call('ZCARD', running),
        redis.call('ZCARD', webhooks), redis.call('EXISTS', leader)}
