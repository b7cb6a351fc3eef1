-- The worker gives its job back, unharmed: it waits again, at its old place.
-- KEYS[1] record    KEYS[2] waiting
-- ARGV[1] id        ARGV[2] fence
-- Replies 'ok', or 'lost' where the claim is not held: then nothing has changed.
local state = redis.call('HMGET', KEYS[1], 'status', 'fence', 'place')
if state[1] ~= 'running' or state[2] ~= ARGV[2] then return 'lost' end

redis.call('HDEL', KEYS[1], 'lease_ms', 'progress')
redis.call('ZADD', KEYS[2], state[3], ARGV[1])
change(KEYS[1], 'status', 'queued')
return 'ok'
