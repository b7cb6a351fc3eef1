-- Lists what the reconciler has to do now.
--
-- Keys: waiting, deadlines, running, finished (job/prelude.lua)
--   messages  list: Celery's messages that no worker has taken yet
-- Arguments:
--   limit  how many of each at most
-- Returns {ids of running jobs without a lease, ids past their deadline, ids past their retention,
-- how many more jobs are queued than there are messages}.
local now = now_ms()
local function due(key)
  return redis.call('ZRANGEBYSCORE', key, '-inf', now, 'LIMIT', 0, limit)
end
local unannounced = redis.call('ZCARD', waiting) - redis.call('LLEN', messages)
return {due(running), due(deadlines), due(finished), unannounced}
