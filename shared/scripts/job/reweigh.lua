-- The client changes the weights of a job that is not over.
-- ARGV[1] id        ARGV[2] reweighed        how many changes of the weights the client knows of
-- ARGV[3] options (JSON) as they are to be
-- ARGV[4] warnings (JSON) of the options as they are to be, '' where there are none
-- Replies 'ok', 'over', 'unknown', or 'changed' where the weights were changed since.
local state = redis.call('HMGET', record, 'status', 'reweighed')
if not state[1] then return 'unknown' end
if state[1] ~= 'queued' and state[1] ~= 'running' then return 'over' end
if (state[2] or '0') ~= ARGV[2] then return 'changed' end

redis.call('HINCRBY', record, 'reweighed', 1)
if ARGV[4] == '' then redis.call('HDEL', record, 'warnings')
else redis.call('HSET', record, 'warnings', ARGV[4]) end
change('options', ARGV[3])
if state[1] == 'running' then wake(ARGV[1]) end
return 'ok'
