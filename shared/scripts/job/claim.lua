-- Claims the first of some jobs that is still queued, for a worker.
--
-- Keys: record, turns, running, deadlines, counters
-- Arguments:
--   candidates  the ids of the jobs, first to last, separated by commas
--   worker      who claims: a name that the next painting processes of its pool have too
--   lease_ms    how long the claim holds without a heartbeat
--   token       unique to this claim: a Redis that lost its last second may give two attempts the same
--               number
-- Returns {id, fence, fields and values of its record}, and the same again if the first reply was lost;
-- nil if none of them is queued.
local now = now_ms()

local function select_job(candidate)
  id, record = candidate, record_key(candidate)
end

local function claimed(fence)
  return {id, fence, redis.call('HGETALL', record)}
end

-- Counts the attempt that begins, and returns its number: 1 if the old count is not a number.
local function count_attempt()
  local attempt = redis.pcall('HINCRBY', record, 'attempt', 1)
  if type(attempt) == 'number' then return attempt end
  redis.call('HSET', record, 'attempt', 1)
  return 1
end

-- Claims the selected job. Returns the fence, or nil if the job is not queued. A damaged record must not
-- stop the script halfway: the job would be in no list.
local function claim()
  local state = redis.call('HMGET', record, 'status', 'lane', 'turn', 'caller', 'created_ms')
  if not state[1] then
    leave_all_queues()
    return nil
  end
  if state[1] ~= 'queued' then return nil end
  local latest = find_latest_start()
  if latest <= now then
    redis.call('ZADD', deadlines, latest, id) -- a reconciler of an older version may have removed it
    return nil
  end

  local lane = state[2] or '1' -- a record without a lane counts as damaged when it is read
  local turn = math.max(tonumber(state[3]) or 0, tonumber(redis.call('HGET', turns, lane) or 0))
  redis.call('HSET', turns, lane, turn)
  -- A caller without later turns is forgotten: its next turn stays the same.
  local callers_turn = lane .. ':' .. (state[4] or '')
  if tonumber(redis.call('HGET', turns, callers_turn) or 0) <= turn then
    redis.call('HDEL', turns, callers_turn)
  end
  redis.call('ZADD', running, now + lease_ms, id)
  leave_queue()
  local fence = count_attempt() .. '-' .. token
  count(counters, 'attempts')
  if redis.call('HSETNX', record, 'started_ms', now) == 1 then
    observe(counters, 'wait', (now - (tonumber(state[5]) or now)) / 1000)
    add_webhook_event('started')
  end
  enter_state('running', 'fence', fence, 'claimed_ms', now)
  if worker ~= '' then redis.call('HSET', record, 'claimed_by', worker) end
  return fence
end

for candidate in string.gmatch(candidates, '[^,]+') do
  select_job(candidate)
  local state = redis.call('HMGET', record, 'status', 'fence', 'attempt')
  local repeated = (state[3] or '') .. '-' .. token
  if state[1] == 'running' and state[2] == repeated then return claimed(repeated) end
end
for candidate in string.gmatch(candidates, '[^,]+') do
  select_job(candidate)
  local fence = claim()
  if fence then return claimed(fence) end
end
return nil
