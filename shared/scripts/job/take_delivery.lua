-- Takes the next try of a webhook, if it is due, for a process that delivers webhooks.
--
-- Keys: record, webhooks
-- Arguments:
--   hold_ms  the time after which another process may take it
-- Returns {}, or {event, url, owner, status, how often the event was tried, the request and trace of
-- the job, its progress (JSON)}; '' for what is not known.
local now = now_ms()
local due = redis.call('ZSCORE', webhooks, id)
if not due or tonumber(due) > now then return {} end
local state = redis.call('HMGET', record, 'webhook_url', 'owner', 'status', 'webhook_tries',
                         'request_id', 'progress', 'webhook_pending', 'webhook_events',
                         'finished_ms')
local event = next_webhook_event(state[7], state[8], state[9])
if not state[1] or not event then
  redis.call('ZREM', webhooks, id)
  return {}
end
redis.call('ZADD', webhooks, now + hold_ms, id)
return {event, state[1], state[2], state[3], state[4] or '0', state[5] or '', state[6] or ''}
