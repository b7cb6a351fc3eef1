-- A running job whose worker fell silent waits again, at its old place; or it is over, where the
-- client wants no more of it, or too many workers did not survive it.
-- ARGV[1] id            ARGV[2] lost_limit    after how many lost attempts the job fails
-- ARGV[3] retention_ms  ARGV[4] grace_ms      ARGV[5] sentence for 'worker_lost'
-- Replies 'queued', 'canceled', 'worker_lost', or 'held' where there is nothing to recover.
local id = ARGV[1]
local state = redis.call('HMGET', record, 'status', 'cancel_requested')
if state[1] ~= 'running' then
  redis.call('ZREM', running, id)
  return 'held'
end
-- A record that runs and is in no worker's hands has lost its lease altogether.
local lease_ms = tonumber(redis.call('ZSCORE', running, id) or 0)
if lease_ms > now_ms() then return 'held' end

if state[2] then
  finish(id, 'canceled', ARGV[3], ARGV[4])
  return 'canceled'
end
count(counters, 'lost')
if redis.call('HINCRBY', record, 'lost', 1) >= tonumber(ARGV[2]) then
  finish(id, 'failed', ARGV[3], ARGV[4], 'error_code', 'worker_lost', 'error_detail', ARGV[5])
  return 'worker_lost'
end
redis.call('ZREM', running, id)
redis.call('HDEL', record, 'fence')
enter_queue(id)
change('status', 'queued')
return 'queued'
