-- Queues a running job whose lease has run out again, at its old place. Ends it if the client canceled
-- it, its worker was killed for taking too long, or too many attempts in a row failed because of their
-- workers.
--
-- Keys: record, running, counters
-- Arguments: those of `Retention` (prelude.lua), and
--   lost_limit          after how many attempts in a row that failed because of their workers, without
--                       progress, the job fails
--   worker_lost_detail  the sentence for that error
--   time_limit_detail   the sentence for that error
--   limit_ms            if the lease ends this long after the claim, the worker was killed for taking
--                       too long
-- Returns 'queued', 'canceled', 'worker_lost', 'time_limit', or 'held' if there is nothing to recover.
local state = redis.call('HMGET', record, 'status', 'cancel_requested', 'claimed_ms')
if state[1] ~= 'running' then
  redis.call('ZREM', running, id)
  return 'held'
end
-- A running job that is not in `running` has no lease.
local lease_ms = tonumber(redis.call('ZSCORE', running, id) or 0)
if lease_ms > now_ms() then return 'held' end

if state[2] then
  finish_job('canceled')
  return 'canceled'
end
local claimed_ms = tonumber(state[3]) -- a damaged record must not stop the script halfway
redis.call('ZREM', running, id) -- a full Redis refuses to write before something is deleted
count(counters, 'lost')
if claimed_ms and lease_ms - claimed_ms >= tonumber(limit_ms) then
  finish_job('failed', 'error_code', 'time_limit', 'error_detail', time_limit_detail)
  return 'time_limit'
end
note_failed_attempt('worker_lost')
if tonumber(redis.call('HGET', record, 'lost')) >= tonumber(lost_limit) then
  finish_job('failed', 'error_code', 'worker_lost', 'error_detail', worker_lost_detail)
  return 'worker_lost'
end
requeue_job()
return 'queued'
