-- Renews the lease of a live worker, writes its updates, and returns what the client requests.
--
-- Keys: record, running, work_left, counters
-- Arguments:
--   fence           the claim that the worker holds
--   lease_ms        how long the lease holds from now on
--   weight_updates  how many changes of the weights the worker knows
--   remaining       how much is left to paint, '' if that is not known
--   iterations      since the last heartbeat
--   fields          fields and values to write, if there are any
-- Returns {'ok'}, {'ok', weight updates, options (JSON)} if the weights have changed, {'cancel'} or
-- {'finish'} if the client requests it, {'timed_out'} if the job has reached its time limit, or
-- {'lost'} if the claim is not held.

-- The shortest time between two webhooks that report progress.
local PROGRESS_MS = 10000

local state = redis.call('HMGET', record, 'status', 'fence', 'cancel_requested', 'reweighed',
                         'finish_requested', 'timeout_ms', 'webhook_progress_ms')
if state[1] ~= 'running' or state[2] ~= fence then return {'lost'} end

local now = now_ms()
redis.call('ZREM', running, id) -- a full Redis refuses to write before something is deleted
redis.call('ZADD', running, now + lease_ms, id)
if remaining ~= '' then
  count(counters, 'work', math.max(0, read_work_left() - remaining))
  redis.call('HSET', work_left, id, remaining)
end
if iterations ~= '0' then
  count(counters, 'iterations', iterations)
  local is_due = now - (tonumber(state[7]) or 0) >= PROGRESS_MS
  if is_due and add_webhook_event('progress') then
    redis.call('HSET', record, 'webhook_progress_ms', now)
  end
end
if #fields > 0 then update_record(unpack(fields)) end
if state[3] then return {'cancel'} end
if state[5] then return {'finish'} end
if state[6] and tonumber(state[6]) <= now then return {'timed_out'} end
if state[4] and state[4] ~= weight_updates then
  return {'ok', state[4], redis.call('HGET', record, 'options')}
end
return {'ok'}
