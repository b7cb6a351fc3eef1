-- A running job whose lease has run out is queued again, at its old place; or it ends, because the
-- client canceled it, its worker was killed for taking too long, or too many of its workers died.
--
-- Keys: record, running, counters
-- Arguments: those of `Retention` (prelude.lua), and
--   lost_limit          after how many lost attempts in a row without progress the job fails
--   worker_lost_detail  the sentence for that error
--   time_limit_detail   the sentence for that error
--   limit_ms            if the lease ends so long after the claim, the worker was killed for taking too
--                       long
-- Returns 'queued', 'canceled', 'worker_lost', 'time_limit', or 'held' if there is nothing to recover.

-- The share of the work that counts as progress: heartbeats report it only roughly.
local PROGRESS = 0.02

local state = redis.call('HMGET', record, 'status', 'cancel_requested', 'claimed_ms', 'work',
                         'lost_left')
if state[1] ~= 'running' then
  redis.call('ZREM', running, id)
  return 'held'
end
-- A running job that is not in `running` has lost its lease altogether.
local lease_ms = tonumber(redis.call('ZSCORE', running, id) or 0)
if lease_ms > now_ms() then return 'held' end

if state[2] then
  finish_job('canceled')
  return 'canceled'
end
count(counters, 'lost')
if state[3] and lease_ms - state[3] >= tonumber(limit_ms) then
  finish_job('failed', 'error_code', 'time_limit', 'error_detail', time_limit_detail)
  return 'time_limit'
end
local left = read_work_left()
if state[5] and state[5] - left >= PROGRESS * (state[4] or 0) and tonumber(state[5]) > left then
  redis.call('HDEL', record, 'lost')
end
redis.call('HSET', record, 'lost_left', left)
if redis.call('HINCRBY', record, 'lost', 1) >= tonumber(lost_limit) then
  finish_job('failed', 'error_code', 'worker_lost', 'error_detail', worker_lost_detail)
  return 'worker_lost'
end
requeue_job()
return 'queued'
