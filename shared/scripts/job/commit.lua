-- The worker commits: the job ends, with its result or its error, if the claim is still held.
--
-- Keys: record, running, counters
-- Arguments: those of `Retention` (prelude.lua), and
--   fence   the claim that the worker holds
--   status  'succeeded', 'failed' or 'canceled'
--   fields  fields and values to write
-- Returns 'ok', or 'lost' if the claim is not held: then nothing has changed.
local state = redis.call('HMGET', record, 'status', 'fence', 'started_ms')
if state[2] ~= fence then return 'lost' end
-- The same commit again: the first reply was lost.
if state[1] == status then return 'ok' end
if state[1] ~= 'running' then return 'lost' end

local now = now_ms()
local started = tonumber(state[3]) or now -- a damaged record must not stop the script halfway
redis.call('ZREM', running, id) -- a full Redis refuses to write before something is deleted
if status == 'succeeded' then observe(counters, 'painting', (now - started) / 1000) end
finish_job(status, unpack(fields))
return 'ok'
