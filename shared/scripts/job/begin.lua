-- The pictures of a new job are about to be written: should its record never come, they are debris.
-- ARGV[1] id        ARGV[2] grace_ms   how long its coming may take
redis.call('ZADD', debris, now_ms() + ARGV[2], ARGV[1])
return 1
