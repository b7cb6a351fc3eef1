-- A sweep is kept; beyond so many the oldest go, with the idempotency keys that give them.
-- KEYS[1] sweep     string: the sweep (JSON)
-- KEYS[2] all       sorted set: keys of sweeps, the oldest first
-- KEYS[3] owned     sorted set: the same, of its owner
-- KEYS[4] once      hash: the submission that was first with its idempotency key; none where there is
--                   none
-- ARGV[1] sweep (JSON)     ARGV[2] keep_seconds
-- ARGV[3] per_owner ARGV[4] in_all    how many are kept
-- ARGV[5] token     of the request that holds the key
-- ARGV[6] once_ms   how long the key gives this sweep
-- Replies 1, or 0 where the key is no longer this request's: then nothing has changed.
if KEYS[4] then
  if redis.call('HGET', KEYS[4], 'token') ~= ARGV[5] then return 0 end
  redis.call('HSET', KEYS[4], 'job', cjson.decode(ARGV[1]).id)
  redis.call('PEXPIRE', KEYS[4], ARGV[6])
end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
for each = 2, 3 do
  local sweeps, most = KEYS[each], tonumber(ARGV[each == 2 and 4 or 3])
  redis.call('ZADD', sweeps, now_us(), KEYS[1])
  redis.call('EXPIRE', sweeps, ARGV[2])
  local beyond = redis.call('ZCARD', sweeps) - most
  if beyond > 0 then
    for _, sweep in ipairs(redis.call('ZRANGE', sweeps, 0, math.min(beyond, 100) - 1)) do
      forget_sweep(sweep)
      redis.call('ZREM', sweeps, sweep)
    end
  end
end
return 1
