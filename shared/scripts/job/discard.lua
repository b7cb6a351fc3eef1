-- What lies in a record's place is no record: nothing can be done with the job, and it goes, with its
-- blobs.
-- ARGV[1] id
-- Replies 1, or 0 where there is a record, or nothing at all.
local kind = redis.call('TYPE', record).ok
if kind == 'hash' or kind == 'none' then return 0 end
redis.call('DEL', record)
vanish(ARGV[1])
redis.call('ZADD', debris, now_ms(), ARGV[1])
return 1
