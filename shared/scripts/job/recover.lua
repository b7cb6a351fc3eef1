-- A running job whose lease has run out is queued again, at its old place; or it is over, where the
-- client canceled it, its worker was killed for taking too long, or too many workers did not survive
-- it.
--
-- Keys: record, running, counters
-- Arguments: those of `Retention` (prelude.lua), and
--   lost_limit   after how many lost attempts the job fails; those before one that came further than
--                all others do not count
--   worker_lost  the sentence for that error
--   time_limit   the sentence for that error
--   limit_ms     how long after its claim the lease of an attempt that is killed for its time ends at
--                least
-- Returns 'queued', 'canceled', 'worker_lost', 'time_limit', or 'held' where there is nothing to
-- recover.

-- What share of the work is progress: heartbeats report only roughly how far an attempt came.
local PROGRESS = 0.02

local state = redis.call('HMGET', record, 'status', 'cancel_requested', 'claimed_ms', 'work',
                         'lost_left')
if state[1] ~= 'running' then
  redis.call('ZREM', running, id)
  return 'held'
end
-- A record that runs and is in no worker's hands has lost its lease altogether.
local lease_ms = tonumber(redis.call('ZSCORE', running, id) or 0)
if lease_ms > now_ms() then return 'held' end

if state[2] then
  finish_job('canceled')
  return 'canceled'
end
count(counters, 'lost')
if state[3] and lease_ms - state[3] >= tonumber(limit_ms) then
  finish_job('failed', 'error_code', 'time_limit', 'error_detail', time_limit)
  return 'time_limit'
end
local left = read_work_left()
if state[5] and state[5] - left >= PROGRESS * (state[4] or 0) and tonumber(state[5]) > left then
  redis.call('HDEL', record, 'lost')
end
redis.call('HSET', record, 'lost_left', left)
if redis.call('HINCRBY', record, 'lost', 1) >= tonumber(lost_limit) then
  finish_job('failed', 'error_code', 'worker_lost', 'error_detail', worker_lost)
  return 'worker_lost'
end
requeue_job()
return 'queued'
