-- Notes the outcome of a try to deliver a webhook.
--
-- Keys: record, webhooks, counters
-- Arguments:
--   try       which one it was, from 1
--   fault     what went wrong, '' if it arrived
--   again_ms  after which it is tried again, '' if it is not
-- Returns 1, or 0 if the job was deleted, or another process noted this try.
local tries = redis.call('HGET', record, 'webhook_tries') or '0'
if redis.call('EXISTS', record) == 0 or tonumber(tries) + 1 ~= tonumber(try) then return 0 end
local again = again_ms ~= '' and now_ms() + again_ms or ''
if again == '' then
  redis.call('ZREM', webhooks, id)
else
  redis.call('ZADD', webhooks, again, id)
end
count(counters, fault == '' and 'webhook:arrived' or 'webhook:failed')
update_record('webhook_tries', try, 'webhook_error', fault, 'webhook_tried_ms', now_ms(),
              'webhook_again_ms', again)
return 1
