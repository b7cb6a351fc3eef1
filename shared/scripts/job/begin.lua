-- The pictures of a new job are about to be written: should its record never come, they are debris.
-- ARGV[1] id        ARGV[2] grace_ms   how long its coming may take
-- Replies until when it may come (milliseconds), the same again where the first reply was lost.
redis.call('ZADD', debris, 'NX', now_ms() + ARGV[2], ARGV[1])
return tonumber(redis.call('ZSCORE', debris, ARGV[1]))
