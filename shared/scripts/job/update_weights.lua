-- Changes the weights of a job that is not over, for its client.
--
-- Keys: record
-- Arguments:
--   weight_updates  how many changes of the weights the client knows
--   options         (JSON) with the new weights
--   warnings        (JSON) of these options, '' if there are none
-- Returns 'ok', 'over', 'unknown', or 'changed' if the weights were changed since.
local state = redis.call('HMGET', record, 'status', 'reweighed')
if not state[1] then return 'unknown' end
if state[1] ~= 'queued' and state[1] ~= 'running' then return 'over' end
if (state[2] or '0') ~= weight_updates then return 'changed' end

redis.call('HINCRBY', record, 'reweighed', 1)
if warnings == '' then redis.call('HDEL', record, 'warnings')
else redis.call('HSET', record, 'warnings', warnings) end
update_record('options', options)
if state[1] == 'running' then wake_worker() end
return 'ok'
