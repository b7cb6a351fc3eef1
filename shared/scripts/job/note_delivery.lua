-- Notes the outcome of a try to deliver a webhook.
--
-- Keys: record, webhooks, counters
-- Arguments:
--   event     the event that was delivered
--   try       the number of the try, from 1
--   fault     what went wrong, '' if it arrived
--   again_ms  after which it is tried again, '' if it is not; 'progress' never is, and 'started' only
--             until the job is over
-- Returns 1, or 0 if the job was deleted, or another process noted this try.
local state = redis.call('HMGET', record, 'status', 'webhook_tries', 'webhook_pending',
                         'webhook_events', 'finished_ms')
if not state[1] then return 0 end
local tries, pending, is_over = state[2] or 0, state[3] or '', state[5]
-- If the job ended during the try, this is another event.
local next_event = next_webhook_event(pending, state[4], is_over)
if next_event == event and tries + 1 ~= tonumber(try) then return 0 end

local again = ''
if next_event == event then
  if again_ms ~= '' and (event == 'finished' or event == 'started' and not is_over) then
    again = now_ms() + again_ms
  elseif event == 'finished' then
    next_event = nil
  else
    pending = string.match(pending, ',(.*)') or ''
    redis.call('HSET', record, 'webhook_pending', pending)
    next_event = next_webhook_event(pending, state[4], is_over)
  end
  tries = (again ~= '' or not next_event) and try or 0
elseif not next_event then
  tries = try
end
if next_event then
  redis.call('ZADD', webhooks, again ~= '' and again or now_ms(), id)
else
  redis.call('ZREM', webhooks, id)
end
count(counters, fault == '' and 'webhook:arrived' or 'webhook:failed')
update_record('webhook_tries', tries, 'webhook_error', fault, 'webhook_tried_ms', now_ms(),
              'webhook_again_ms', again)
return 1
