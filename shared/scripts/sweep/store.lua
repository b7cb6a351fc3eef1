-- Stores a sweep; beyond the limits the oldest are deleted, with their idempotency keys.
--
-- Keys:
--   sweep        string: the sweep (JSON)
--   all          sorted set: keys of sweeps, the oldest first
--   owned        sorted set: the same, of its owner
--   idempotency  hash: the first submission with its idempotency key; may be missing
-- Arguments:
--   stored       the sweep (JSON)
--   ttl_seconds  how long it is stored
--   per_owner    how many sweeps are stored of one owner
--   in_all       how many sweeps are stored of all owners
--   token        of the request that holds the key
--   key_ttl_ms   how long the key refers to this sweep
-- Returns 1, or 0 if the request no longer holds the key: then nothing has changed.
if idempotency then
  if redis.call('HGET', idempotency, 'token') ~= token then return 0 end
  redis.call('HSET', idempotency, 'job', cjson.decode(stored).id)
  redis.call('PEXPIRE', idempotency, key_ttl_ms)
end
redis.call('SET', sweep, stored, 'EX', ttl_seconds)

local function add(sweeps, limit)
  redis.call('ZADD', sweeps, now_us(), sweep)
  redis.call('EXPIRE', sweeps, ttl_seconds)
  local beyond = redis.call('ZCARD', sweeps) - limit
  if beyond <= 0 then return end
  for _, oldest in ipairs(redis.call('ZRANGE', sweeps, 0, math.min(beyond, 100) - 1)) do
    delete_sweep(oldest)
    redis.call('ZREM', sweeps, oldest)
  end
end

add(all, tonumber(in_all))
add(owned, tonumber(per_owner))
return 1
