-- A worker takes a job that waits.
-- ARGV[1] id         ARGV[2] lease_ms   how long the claim holds without a heartbeat
-- ARGV[3] token      what no other claim has: a Redis that forgot its last second may count the
--                    same attempt twice
-- Replies {'claimed', fence}, again where the first reply never reached the worker; or {why not}: 'unknown', 'over', 'held'.
local id, now = ARGV[1], now_ms()
local state = redis.call('HMGET', record, 'status', 'lane', 'turn', 'deadline_ms', 'started_ms',
                         'fence', 'attempt', 'caller')
if not state[1] then
  leave_everything(id)
  return {'unknown'}
end
if state[1] == 'running' and state[6] == state[7] .. '-' .. ARGV[3] then
  return {'claimed', state[6]}
end
if state[1] == 'running' then return {'held'} end
if state[1] ~= 'queued' then return {'over'} end
if state[4] and not state[5] and tonumber(state[4]) <= now then return {'over'} end

local lane = state[2] or '1' -- a record that lacks it is found out by whoever reads it
local turn = math.max(tonumber(state[3] or 0), tonumber(redis.call('HGET', turns, lane) or 0))
redis.call('HSET', turns, lane, turn)
-- A caller whose turns are all past comes next as one who was never here.
local own = lane .. ':' .. (state[8] or '')
if tonumber(redis.call('HGET', turns, own) or 0) <= turn then redis.call('HDEL', turns, own) end
redis.call('ZADD', running, now + ARGV[2], id)
leave_queue(id)
local fence = redis.call('HINCRBY', record, 'attempt', 1) .. '-' .. ARGV[3]
count(counters, 'attempts')
if redis.call('HSETNX', record, 'started_ms', now) == 1 then
  observe(counters, 'wait', (now - redis.call('HGET', record, 'created_ms')) / 1000)
end
change('status', 'running', 'fence', fence, 'claimed_ms', now)
return {'claimed', fence}
