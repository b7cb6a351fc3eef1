-- The key of the job's record holds something else: nothing can be done with the job, and it is
-- deleted, with its blobs.
--
-- Keys: record, cleanup
-- Arguments: none
-- Returns 1, or 0 where there is a record, or nothing at all.
local kind = redis.call('TYPE', record).ok
if kind == 'hash' or kind == 'none' then return 0 end
redis.call('DEL', record)
delete_record()
redis.call('ZADD', cleanup, now_ms(), id)
return 1
