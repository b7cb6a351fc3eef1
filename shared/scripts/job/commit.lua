-- The worker commits: the job ends, with its result or its error, if the claim is still held.
--
-- Keys: record, counters
-- Arguments: those of `Retention` (prelude.lua), and
--   fence   the claim that the worker holds
--   status  'succeeded', 'failed' or 'canceled'
--   fields  fields and values to write
-- Returns 'ok', or 'lost' if the claim is not held: then nothing has changed.
local state = redis.call('HMGET', record, 'status', 'fence')
if state[2] ~= fence then return 'lost' end
-- The same commit again: the first reply was lost.
if state[1] == status then return 'ok' end
if state[1] ~= 'running' then return 'lost' end

if status == 'succeeded' then
  observe(counters, 'painting', (now_ms() - redis.call('HGET', record, 'started_ms')) / 1000)
end
finish_job(status, unpack(fields))
return 'ok'
