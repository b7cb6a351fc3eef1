-- A new job: its record and its place in the queue, or neither.
-- KEYS[1] record        the job's hash, must not exist
-- KEYS[2] waiting       sorted set of queued jobs' ids, scored by when they came (microseconds)
-- ARGV[1] id            ARGV[2] options (JSON)
-- ARGV[3] inputs (JSON) the keys of its pictures
-- ARGV[4] queue_limit   how many may wait
-- Replies 'queued', 'full' or 'exists'.
if redis.call('EXISTS', KEYS[1]) == 1 then return 'exists' end
if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[4]) then return 'full' end

local time = redis.call('TIME')
local place = time[1] * 1000000 + time[2]
change(KEYS[1], 'id', ARGV[1], 'status', 'queued', 'options', ARGV[2],
       'inputs', ARGV[3], 'created_ms', now_ms(),
       'place', place, 'attempt', 0, 'lost', 0, 'fence', 0)
redis.call('ZADD', KEYS[2], place, ARGV[1])
return 'queued'
