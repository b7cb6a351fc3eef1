-- The worker commits: the job is over, with its result or its error, if the claim is still held.
-- KEYS[1] record
-- ARGV[1] fence         ARGV[2] status: 'succeeded', 'failed' or 'canceled'
-- ARGV[3] retention_ms  ARGV[4…] fields and values to write
-- Replies 'ok', or 'lost' where the claim is not held: then nothing has changed.
local state = redis.call('HMGET', KEYS[1], 'status', 'fence')
if state[2] ~= ARGV[1] then return 'lost' end
-- The same commit again: its first reply never reached the worker.
if state[1] == ARGV[2] then return 'ok' end
if state[1] ~= 'running' then return 'lost' end

finish(KEYS[1], ARGV[2], ARGV[3], unpack(ARGV, 4))
return 'ok'
