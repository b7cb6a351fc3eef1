-- A sweep is kept; beyond so many the oldest go.
-- KEYS[1] sweep     string: the sweep (JSON)
-- KEYS[2] all       sorted set: keys of sweeps, the oldest first
-- KEYS[3] owned     sorted set: the same, of its owner
-- ARGV[1] sweep (JSON)     ARGV[2] keep_seconds
-- ARGV[3] per_owner ARGV[4] in_all    how many are kept
-- Replies 1.
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
for each = 2, 3 do
  local sweeps, most = KEYS[each], tonumber(ARGV[each == 2 and 4 or 3])
  redis.call('ZADD', sweeps, now_us(), KEYS[1])
  redis.call('EXPIRE', sweeps, ARGV[2])
  local beyond = redis.call('ZCARD', sweeps) - most
  if beyond > 0 then
    for _, sweep in ipairs(redis.call('ZRANGE', sweeps, 0, math.min(beyond, 100) - 1)) do
      redis.call('DEL', sweep)
      redis.call('ZREM', sweeps, sweep)
    end
  end
end
return 1
