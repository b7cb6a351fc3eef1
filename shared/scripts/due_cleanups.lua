-- Lists the jobs whose blobs are due for cleanup.
--
-- Keys: cleanup (job/prelude.lua)
-- Arguments:
--   limit  how many at most
-- Returns their ids, each followed by the time at which the cleanup was due.
return redis.call('ZRANGEBYSCORE', cleanup, '-inf', now_ms(), 'WITHSCORES', 'LIMIT', 0, limit)
