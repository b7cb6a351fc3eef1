-- Lists the jobs that are to be painted next.
--
-- Keys: waiting (job/prelude.lua)
-- Arguments:
--   limit  how many at most
-- Returns their ids, first to last.
return redis.call('ZRANGE', waiting, 0, limit - 1)
