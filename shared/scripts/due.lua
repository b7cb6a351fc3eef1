-- What is to be set right by now.
-- KEYS[1] waiting   KEYS[2] deadlines   KEYS[3] running   KEYS[4] over   KEYS[5] debris
-- KEYS[6] messages  list: what the queue has to hand out
-- ARGV[1] limit     how many of each at most
-- Replies {ids of running jobs without a lease, ids past their deadline, ids past their retention,
-- ids of jobs whose blobs are to be looked through and by when (in turn), how many more jobs wait
-- than there are messages}.
local now, limit = now_ms(), ARGV[1]
local function due(key, ...)
  return redis.call('ZRANGEBYSCORE', key, '-inf', now, ...)
end
local silent = redis.call('ZCARD', KEYS[1]) - redis.call('LLEN', KEYS[6])
return {due(KEYS[3], 'LIMIT', 0, limit), due(KEYS[2], 'LIMIT', 0, limit),
        due(KEYS[4], 'LIMIT', 0, limit), due(KEYS[5], 'WITHSCORES', 'LIMIT', 0, limit), silent}
