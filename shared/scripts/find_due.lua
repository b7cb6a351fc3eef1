-- Lists what the reconciler has to do by now.
--
-- Keys: waiting, deadlines, running, finished, cleanup (job/prelude.lua)
--   messages  list: Celery's messages that no worker has taken yet
-- Arguments:
--   limit  how many of each at most
-- Returns {ids of running jobs without a lease, ids past their deadline, ids past their retention,
-- ids of jobs whose blobs are to be cleaned up, each followed by when that was due, how many more
-- jobs are queued than there are messages}.
local now = now_ms()
local function due(key, ...)
  return redis.call('ZRANGEBYSCORE', key, '-inf', now, ...)
end
local unannounced = redis.call('ZCARD', waiting) - redis.call('LLEN', messages)
return {due(running, 'LIMIT', 0, limit), due(deadlines, 'LIMIT', 0, limit),
        due(finished, 'LIMIT', 0, limit), due(cleanup, 'WITHSCORES', 'LIMIT', 0, limit),
        unannounced}
