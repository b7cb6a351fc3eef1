-- Requests the picture as it is, for the client: the worker of a running job commits it after the
-- current iteration, unless the client already requested to cancel the job.
--
-- Keys: record
-- Arguments: none
-- Returns 'requested', 'canceling' (unchanged: its worker was already requested to end it), 'idle'
-- (unchanged: no worker paints it) or 'unknown'.
local state = redis.call('HMGET', record, 'status', 'finish_requested', 'cancel_requested')
if not state[1] then return 'unknown' end
if state[1] ~= 'running' then return 'idle' end

if state[3] then return 'canceling' end
if not state[2] then update_record('finish_requested', 1) end
wake_worker()
return 'requested'
