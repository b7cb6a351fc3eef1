-- A worker takes a job that waits.
-- ARGV[1] id         ARGV[2] lease_ms   how long the claim holds without a heartbeat
-- ARGV[3] token      what no other claim has: a Redis that forgot its last second may count the
--                    same attempt twice
-- Replies {'claimed', fence}, or {why not}: 'unknown', 'over', 'held'.
local id, now = ARGV[1], now_ms()
local state = redis.call('HMGET', record, 'status', 'lane', 'turn', 'deadline_ms')
if not state[1] then
  leave_everything(id)
  return {'unknown'}
end
if state[1] == 'running' then return {'held'} end
if state[1] ~= 'queued' then return {'over'} end
if state[4] and tonumber(state[4]) <= now then return {'over'} end

local turn = math.max(tonumber(state[3]), tonumber(redis.call('HGET', turns, state[2]) or 0))
redis.call('HSET', turns, state[2], turn)
redis.call('ZADD', running, now + ARGV[2], id)
leave_queue(id)
local fence = redis.call('HINCRBY', record, 'attempt', 1) .. '-' .. ARGV[3]
redis.call('HSETNX', record, 'started_ms', now)
change('status', 'running', 'fence', fence)
return {'claimed', fence}
