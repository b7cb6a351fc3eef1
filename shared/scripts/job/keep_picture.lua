-- A job that was stopped gets a result: its last preview, which was written under this key.
-- ARGV[1] id        ARGV[2] result_key
-- Replies 'ok', or 'lost' where it is not over, or has a result: then nothing has changed.
local state = redis.call('HMGET', record, 'finished_ms', 'result_key')
if not state[1] or state[2] then return 'lost' end

change('result_key', ARGV[2])
return 'ok'
