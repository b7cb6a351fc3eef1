-- What has been counted, and how the queues stand.
-- KEYS[1] counters  KEYS[2] waiting   KEYS[3] running   KEYS[4] webhooks    as in job/prelude.lua
-- ARGV[1] lanes     how many there are
-- Replies {fields and values of the counters, jobs that wait in each lane, that run, webhooks to try}.
local lanes = {}
for lane = 0, ARGV[1] - 1 do
  local first = string.format('%.0f', place_of(lane, 0, 0))
  local beyond = string.format('(%.0f', place_of(lane + 1, 0, 0))
  lanes[lane + 1] = redis.call('ZCOUNT', KEYS[2], first, beyond)
end
return {redis.call('HGETALL', KEYS[1]), lanes, redis.call('ZCARD', KEYS[3]),
        redis.call('ZCARD', KEYS[4])}
