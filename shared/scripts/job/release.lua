-- The worker gives its job back, unharmed: it waits again, at its old place.
-- ARGV[1] id        ARGV[2] fence
-- Replies 'ok', or 'lost' where the claim is not held: then nothing has changed.
local state = redis.call('HMGET', record, 'status', 'fence')
if state[1] ~= 'running' or state[2] ~= ARGV[2] then return 'lost' end

redis.call('ZREM', running, ARGV[1])
redis.call('HDEL', record, 'fence')
enter_queue(ARGV[1])
change('status', 'queued')
return 'ok'
