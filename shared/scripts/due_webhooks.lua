-- The jobs whose webhooks are to be tried by now.
-- KEYS[1] webhooks  sorted set: ids, by when (milliseconds)
-- ARGV[1] limit     how many at most
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now_ms(), 'LIMIT', 0, ARGV[1])
