-- Registers a worker, which repeats this while it lives.
--
-- Keys:
--   workers  hash: name → what the worker reports of itself (JSON)
--   seen     sorted set: name, by when it counts as gone (milliseconds)
-- Arguments:
--   name    of the worker
--   report  (JSON)
--   ttl_ms  after which it counts as gone
-- Returns 1.
redis.call('HSET', workers, name, report)
redis.call('ZADD', seen, now_ms() + ttl_ms, name)
return 1
