-- Queues a job that its worker returns again, at its old place. Ends it if the client has canceled it.
--
-- Keys: record, running
-- Arguments: those of `Retention` (prelude.lua), and
--   fence   the claim that the worker holds
--   fields  fields and values to write, if there are any
-- Returns 'ok', or 'lost' if the claim is not held: then nothing has changed.
local state = redis.call('HMGET', record, 'status', 'fence', 'cancel_requested')
if state[1] ~= 'running' or state[2] ~= fence then return 'lost' end
redis.call('ZREM', running, id) -- a full Redis refuses to write before something is deleted
if #fields > 0 then redis.call('HSET', record, unpack(fields)) end
if state[3] then
  finish_job('canceled')
  return 'ok'
end
requeue_job()
return 'ok'
