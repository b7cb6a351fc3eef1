-- Whoever delivers webhooks takes the next try of one, if it is due.
-- ARGV[1] id        ARGV[2] hold_ms   after which another may take it
-- Replies {}, or {url, owner, status, how often it was tried, where the job comes from ('' where it
-- is not known)}.
local id, now = ARGV[1], now_ms()
local due = redis.call('ZSCORE', webhooks, id)
if not due or tonumber(due) > now then return {} end
local state = redis.call('HMGET', record, 'webhook_url', 'owner', 'status', 'webhook_tries',
                         'request_id')
if not state[1] then
  redis.call('ZREM', webhooks, id)
  return {}
end
redis.call('ZADD', webhooks, now + ARGV[2], id)
return {state[1], state[2], state[3], state[4] or '0', state[5] or ''}
