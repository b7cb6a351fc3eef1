-- Registers a worker, which repeats this as long as it is alive.
--
-- Keys:
--   workers  hash: name → what the worker reports about itself (JSON)
--   seen     sorted set: name, by when its registration expires (milliseconds)
-- Arguments:
--   name    of the worker
--   report  (JSON)
--   ttl_ms  the time after which the registration expires
-- Returns 1.
redis.call('ZREM', seen, name) -- a full Redis refuses to write before something is deleted
redis.call('HSET', workers, name, report)
redis.call('ZADD', seen, now_ms() + ttl_ms, name)
return 1
