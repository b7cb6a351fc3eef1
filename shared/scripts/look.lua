-- A job's record and its place in the queue, of one moment.
-- KEYS[1] record    KEYS[2] waiting
-- ARGV[1] id
-- Replies {fields and values, rank or nil}; no fields where there is no such job.
return {redis.call('HGETALL', KEYS[1]), redis.call('ZRANK', KEYS[2], ARGV[1])}
