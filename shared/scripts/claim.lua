-- A worker takes a job: one that waits, or one whose worker fell silent.
-- KEYS[1] record        KEYS[2] waiting
-- ARGV[1] id            ARGV[2] lease_ms      how long the claim holds without a heartbeat
-- ARGV[3] lost_limit    after how many lost attempts the job fails
-- ARGV[4] retention_ms  ARGV[5] sentence for 'worker_lost'
-- Replies {'claimed', fence}, or {why not}: 'unknown', 'over', 'held', 'canceled', 'worker_lost'.
local status = redis.call('HGET', KEYS[1], 'status')
if not status then return {'unknown'} end
if status ~= 'queued' and status ~= 'running' then return {'over'} end

local now = now_ms()
if status == 'running' then
  local lease = tonumber(redis.call('HGET', KEYS[1], 'lease_ms'))
  if lease > now then return {'held'} end
  if redis.call('HEXISTS', KEYS[1], 'cancel_requested') == 1 then
    finish(KEYS[1], 'canceled', ARGV[4])
    return {'canceled'}
  end
  if redis.call('HINCRBY', KEYS[1], 'lost', 1) >= tonumber(ARGV[3]) then
    finish(KEYS[1], 'failed', ARGV[4], 'error_code', 'worker_lost', 'error_detail', ARGV[5])
    return {'worker_lost'}
  end
end

redis.call('ZREM', KEYS[2], ARGV[1])
local fence = redis.call('HINCRBY', KEYS[1], 'fence', 1)
redis.call('HINCRBY', KEYS[1], 'attempt', 1)
redis.call('HSETNX', KEYS[1], 'started_ms', now)
change(KEYS[1], 'status', 'running', 'lease_ms', now + ARGV[2])
return {'claimed', fence}
