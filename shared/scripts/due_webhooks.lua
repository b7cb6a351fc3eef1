-- Lists the jobs whose webhooks are due.
--
-- Keys: webhooks (job/prelude.lua)
-- Arguments:
--   limit  how many at most
-- Returns their ids.
return redis.call('ZRANGEBYSCORE', webhooks, '-inf', now_ms(), 'LIMIT', 0, limit)
