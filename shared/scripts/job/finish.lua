-- The worker commits: the job is over, with its result or its error, if the claim is still held.
-- ARGV[1] id            ARGV[2] fence
-- ARGV[3] status        'succeeded', 'failed' or 'canceled'
-- ARGV[4…7] keeping     as `keeping_from` in job/prelude.lua has it
-- ARGV[8…] fields and values to write
-- Replies 'ok', or 'lost' where the claim is not held: then nothing has changed.
local state = redis.call('HMGET', record, 'status', 'fence')
if state[2] ~= ARGV[2] then return 'lost' end
-- The same commit again: its first reply never reached the worker.
if state[1] == ARGV[3] then return 'ok' end
if state[1] ~= 'running' then return 'lost' end

if ARGV[3] == 'succeeded' then
  observe(counters, 'painting', (now_ms() - redis.call('HGET', record, 'started_ms')) / 1000)
end
finish(ARGV[1], ARGV[3], keeping_from(4), unpack(ARGV, 8))
return 'ok'
