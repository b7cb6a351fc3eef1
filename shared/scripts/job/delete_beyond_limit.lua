-- Deletes a job that is over and beyond a limit of how many are retained.
--
-- Keys: retained, cleanup
--   list  sorted set: `retained`, or that of the job's owner (prelude.lua)
-- Arguments:
--   jobs_per_owner  how many jobs are retained of one owner
--   jobs_in_all     how many jobs are retained of all owners
-- Returns 1, or 0 if the job is within the limit.
local limit = list == retained and jobs_in_all or jobs_per_owner
local rank = redis.call('ZRANK', list, id)
if not rank or rank >= redis.call('ZCARD', list) - limit then return 0 end
-- Without the record's owner, `delete_record` does not find the owner's list.
redis.call('ZREM', list, id)
delete_record()
redis.call('ZADD', cleanup, now_ms(), id)
return 1
