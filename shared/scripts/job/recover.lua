-- A running job whose worker fell silent waits again, at its old place; or it is over, where the
-- client wants no more of it, its worker was killed for taking too long, or too many workers did not
-- survive it.
-- ARGV[1] id            ARGV[2] lost_limit    after how many lost attempts the job fails; those
--                       before one that came further than all others do not count
-- ARGV[3…6] keeping     as `keeping_from` in job/prelude.lua has it
-- ARGV[7] sentence for 'worker_lost'          ARGV[8] sentence for 'time_limit'
-- ARGV[9] limit_ms      how long after its claim the lease of an attempt that is killed for its
--                       time ends at least
-- Replies 'queued', 'canceled', 'worker_lost', 'time_limit', or 'held' where there is nothing to
-- recover.

-- What share of the work is progress: heartbeats tell only about how far an attempt came.
local PROGRESS = 0.02

local id = ARGV[1]
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
  finish(id, 'canceled', keeping_from(3))
  return 'canceled'
end
count(counters, 'lost')
if state[3] and lease_ms - state[3] >= tonumber(ARGV[9]) then
  finish(id, 'failed', keeping_from(3), 'error_code', 'time_limit', 'error_detail', ARGV[8])
  return 'time_limit'
end
local left = left_of(id)
if state[5] and state[5] - left >= PROGRESS * (state[4] or 0) and tonumber(state[5]) > left then
  redis.call('HDEL', record, 'lost')
end
redis.call('HSET', record, 'lost_left', left)
if redis.call('HINCRBY', record, 'lost', 1) >= tonumber(ARGV[2]) then
  finish(id, 'failed', keeping_from(3), 'error_code', 'worker_lost', 'error_detail', ARGV[7])
  return 'worker_lost'
end
redis.call('ZREM', running, id)
redis.call('HDEL', record, 'fence')
enter_queue(id)
change('status', 'queued')
return 'queued'
