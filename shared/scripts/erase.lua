-- The job never was: a worker that still paints it learns so at its next heartbeat.
-- KEYS[1] record    KEYS[2] waiting
-- ARGV[1] id
-- Replies 1, or 0 where there was no such job.
redis.call('ZREM', KEYS[2], ARGV[1])
return redis.call('DEL', KEYS[1])
