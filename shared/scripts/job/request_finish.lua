-- The client wants the picture as it is: the worker of a running job commits it after the iteration
-- that it is in. That the job was to be canceled no longer counts.
-- ARGV[1] id
-- Replies 'asked', 'idle' (unchanged: nobody paints it) or 'unknown'.
local state = redis.call('HMGET', record, 'status', 'finish_requested')
if not state[1] then return 'unknown' end
if state[1] ~= 'running' then return 'idle' end

redis.call('HDEL', record, 'cancel_requested')
if not state[2] then change('finish_requested', 1) end
wake(ARGV[1])
return 'asked'
