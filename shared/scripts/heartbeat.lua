-- The worker lives: its lease is renewed, and what it has to tell is written.
-- KEYS[1] record
-- ARGV[1] fence     the claim that the worker holds
-- ARGV[2] lease_ms  ARGV[3…] fields and values to write, none where there is nothing new
-- Replies 'ok', 'cancel' where the client asked for it, or 'lost' where the claim is not held.
local state = redis.call('HMGET', KEYS[1], 'status', 'fence', 'cancel_requested')
if state[1] ~= 'running' or state[2] ~= ARGV[1] then return 'lost' end

redis.call('HSET', KEYS[1], 'lease_ms', now_ms() + ARGV[2])
if #ARGV > 2 then change(KEYS[1], unpack(ARGV, 3)) end
return state[3] and 'cancel' or 'ok'
