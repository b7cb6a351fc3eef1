-- Who is next.
-- KEYS[1] waiting
-- ARGV[1] count
-- Replies the ids of the first few jobs that wait.
return redis.call('ZRANGE', KEYS[1], 0, ARGV[1] - 1)
