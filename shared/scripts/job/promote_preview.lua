-- Makes the last preview of a canceled or failed job its result.
--
-- Keys: record, retained
-- Arguments:
--   result_key  where the preview was written
-- Returns 'ok', or 'lost' if it is not over, or has a result: then nothing has changed.
local state = redis.call('HMGET', record, 'finished_ms', 'result_key')
if not state[1] or state[2] then return 'lost' end

-- From now on it is retained like the jobs that have a picture: see `finish_job`.
for _, key in ipairs({retained, retained_key(id)}) do
  local rank = redis.call('ZSCORE', key, id)
  if rank then redis.call('ZADD', key, 'XX', tonumber(rank) + 1e13, id) end
end
update_record('result_key', result_key)
return 'ok'
