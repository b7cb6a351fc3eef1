-- The worker is alive: renews its lease, writes its updates, and returns what the client requests.
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
-- {'finish'} if the client requests it, or {'lost'} if the claim is not held.
local state = redis.call('HMGET', record, 'status', 'fence', 'cancel_requested', 'reweighed',
                         'finish_requested')
if state[1] ~= 'running' or state[2] ~= fence then return {'lost'} end

redis.call('ZADD', running, now_ms() + lease_ms, id)
if remaining ~= '' then
  count(counters, 'work', math.max(0, read_work_left() - remaining))
  redis.call('HSET', work_left, id, remaining)
end
if iterations ~= '0' then count(counters, 'iterations', iterations) end
if #fields > 0 then update_record(unpack(fields)) end
if state[3] then return {'cancel'} end
if state[5] then return {'finish'} end
if state[4] and state[4] ~= weight_updates then
  return {'ok', state[4], redis.call('HGET', record, 'options')}
end
return {'ok'}
