-- Lists the jobs whose blobs are to be cleaned up by now.
--
-- Keys: cleanup (job/prelude.lua)
-- Arguments:
--   limit  how many at most
-- Returns their ids, each followed by when that was due.
return redis.call('ZRANGEBYSCORE', cleanup, '-inf', now_ms(), 'WITHSCORES', 'LIMIT', 0, limit)
