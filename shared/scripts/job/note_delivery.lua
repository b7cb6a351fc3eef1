-- A try at a webhook came to something.
-- ARGV[1] id        ARGV[2] tries     which one it was, from 1
-- ARGV[3] outcome   '' where it arrived, else what went wrong
-- ARGV[4] again_ms  after which it is tried again, '' where it is not
-- Replies 1, or 0 where the job is gone, or another noted this try.
local id = ARGV[1]
local tries = redis.call('HGET', record, 'webhook_tries') or '0'
if redis.call('EXISTS', record) == 0 or tonumber(tries) + 1 ~= tonumber(ARGV[2]) then return 0 end
local again = ARGV[4] ~= '' and now_ms() + ARGV[4] or ''
if again == '' then
  redis.call('ZREM', webhooks, id)
else
  redis.call('ZADD', webhooks, again, id)
end
count(counters, ARGV[3] == '' and 'webhook:arrived' or 'webhook:failed')
change('webhook_tries', ARGV[2], 'webhook_error', ARGV[3], 'webhook_tried_ms', now_ms(),
       'webhook_again_ms', again)
return 1
