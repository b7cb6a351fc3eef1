-- The job never was: a worker that still paints it learns so at its next heartbeat.
-- ARGV[1] id        ARGV[2] grace_ms          after which no worker of it writes any more
-- KEYS[15] kept    hash: the submission that may give this job; none where there is none
-- Replies 1, or 0 where there was no such job.
local id = ARGV[1]
local known = redis.call('EXISTS', record)
vanish(id)
redis.call('ZADD', debris, now_ms() + ARGV[2], id)
if KEYS[15] and redis.call('HGET', KEYS[15], 'job') == id then redis.call('DEL', KEYS[15]) end
wake(id)
return known
