-- Commits for a worker: the job ends, with its result or its error, if the claim is still held. A job
-- that fails after its client has canceled it is canceled.
--
-- Keys: record, running, counters
-- Arguments: those of `Retention` (prelude.lua), and
--   fence   the claim that the worker holds
--   status  'succeeded', 'failed' or 'canceled'
--   fields  fields and values to write
-- Returns 'ok', or 'lost' if the claim is not held: then nothing has changed.
local state = redis.call('HMGET', record, 'status', 'fence', 'started_ms', 'cancel_requested')
if state[2] ~= fence then return 'lost' end
-- This commit is repeated, because the first reply was lost.
if state[1] == status or status == 'failed' and state[1] == 'canceled' then return 'ok' end
if state[1] ~= 'running' then return 'lost' end

local now = now_ms()
local started = tonumber(state[3]) or now -- a damaged record must not stop the script halfway
redis.call('ZREM', running, id) -- a full Redis refuses to write before something is deleted
if status == 'succeeded' then observe(counters, 'painting', (now - started) / 1000) end
local is_canceled = status == 'failed' and state[4]
finish_job(is_canceled and 'canceled' or status, unpack(fields))
if is_canceled then redis.call('HDEL', record, 'error_code', 'error_detail') end
return 'ok'
