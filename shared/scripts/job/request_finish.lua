-- The client wants the picture as it is: the worker of a running job commits it after the iteration
-- that it is in. What was asked first counts: a job that is to be canceled is.
-- ARGV[1] id
-- Replies 'asked', 'canceling' (unchanged: its worker was asked to end it before), 'idle' (unchanged:
-- nobody paints it) or 'unknown'.
local state = redis.call('HMGET', record, 'status', 'finish_requested', 'cancel_requested')
if not state[1] then return 'unknown' end
if state[1] ~= 'running' then return 'idle' end

if state[3] then return 'canceling' end
if not state[2] then change('finish_requested', 1) end
wake(ARGV[1])
return 'asked'
