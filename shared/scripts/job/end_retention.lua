-- Notes that the result of a job was sent completely. If the job is retained only until then, its
-- retention ends soon.
--
-- Keys: record, finished
-- Arguments:
--   remaining_ms  how long it is still retained
-- Returns 1, or 0 if nothing has changed.
local state = redis.call('HMGET', record, 'keep', 'expires_ms')
local expires = now_ms() + remaining_ms
if state[1] ~= 'until_fetched' or not state[2] or tonumber(state[2]) <= expires then return 0 end

redis.call('ZADD', finished, expires, id)
update_record('expires_ms', expires)
return 1
