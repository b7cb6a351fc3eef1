-- Deletes a job, with its blobs, whose key holds something other than a record.
--
-- Keys: record, cleanup
-- Arguments: none
-- Returns 1, or 0 if there is a record, or nothing.
local kind = redis.call('TYPE', record).ok
if kind == 'hash' or kind == 'none' then return 0 end
redis.call('DEL', record)
delete_record()
redis.call('ZADD', cleanup, now_ms(), id)
return 1
