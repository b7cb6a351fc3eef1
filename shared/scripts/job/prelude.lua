-- Set before every script on one job. Its first argument is the job's id, and its keys are always
-- the same:
--   record     hash: the job
--   waiting    sorted set: ids of queued jobs, by who is next
--   turns      hash: whose turn it is (see submit.lua)
--   work       hash: id → how much is left to paint, of jobs that wait or run; 'waiting' → of all
--              that wait
--   deadlines  sorted set: ids of queued jobs, by when they expire (milliseconds)
--   running    sorted set: ids of running jobs, by when their lease ends (milliseconds)
--   over       sorted set: ids of jobs that are over, by when they are forgotten (milliseconds)
--   debris     sorted set: ids whose blobs are to be looked through, by when (milliseconds)
--   index      sorted set: owner:moment:id of every job, in this order (microseconds)
--   owners     hash: id → owner, of jobs that wait or run
--   inflight   hash: owner → how many of them wait or run
--   webhooks   sorted set: ids whose webhook is to be tried, by when (milliseconds)
--   counters   hash: what is counted for `shared/metrics.py`
local record, waiting, turns, work, deadlines, running, over, debris, index, owners, inflight,
      webhooks, counters = unpack(KEYS)

-- Tells whoever watches jobs that this one is another now.
local function tell()
  redis.call('PUBLISH', 'changed', ARGV[1])
end

-- Writes fields of the record that a client can see: one more version.
local function change(...)
  redis.call('HSET', record, ...)
  tell()
  return redis.call('HINCRBY', record, 'version', 1)
end

-- How much of a job is left to paint.
local function left_of(id)
  return tonumber(redis.call('HGET', work, id) or 0)
end

local function enter_queue(id)
  local state = redis.call('HMGET', record, 'place', 'deadline_ms', 'started_ms')
  if redis.call('ZADD', waiting, state[1] or now_ms(), id) == 1 then
    redis.call('HINCRBYFLOAT', work, 'waiting', left_of(id))
  end
  -- What was painted in time does not expire when it is given back.
  if state[2] and not state[3] then redis.call('ZADD', deadlines, state[2], id) end
end

local function leave_queue(id)
  if redis.call('ZREM', waiting, id) == 1 then
    redis.call('HINCRBYFLOAT', work, 'waiting', -left_of(id))
  end
  redis.call('ZREM', deadlines, id)
  if redis.call('EXISTS', waiting, running) == 0 then
    -- There is nobody left to take turns with; rounding is forgotten with them.
    redis.call('DEL', turns)
    redis.call('HDEL', work, 'waiting')
  end
end

-- The job is no longer in flight.
local function land(id)
  local owner = redis.call('HGET', owners, id)
  if not owner then return end
  redis.call('HDEL', owners, id)
  if redis.call('HINCRBY', inflight, owner, -1) <= 0 then redis.call('HDEL', inflight, owner) end
end

local function leave_everything(id)
  redis.call('ZREM', running, id)
  leave_queue(id)
  redis.call('HDEL', work, id)
  land(id)
end

-- The record goes, and its owner's list no longer has it.
local function vanish(id)
  leave_everything(id)
  redis.call('ZREM', over, id)
  redis.call('ZREM', webhooks, id)
  redis.call('ZREM', index, redis.call('HGET', record, 'listed') or '')
  redis.call('DEL', record)
  tell()
end

-- Ends a job: nothing leads out of `status`. What its workers left in the blob store is looked
-- through once none of them can write any more.
local function finish(id, status, retention_ms, grace_ms, ...)
  local now = now_ms()
  leave_everything(id)
  redis.call('HDEL', record, 'cancel_requested', 'finish_requested')
  count(counters, 'over:' .. status)
  redis.call('ZADD', over, now + retention_ms, id)
  redis.call('ZADD', debris, now + grace_ms, id)
  if redis.call('HEXISTS', record, 'webhook_url') == 1 then
    redis.call('ZADD', webhooks, now, id)
  end
  return change('status', status, 'finished_ms', now, 'expires_ms', now + retention_ms, ...)
end

-- Wakes the worker that paints the job: the client has asked for something.
local function wake(id)
  redis.call('PUBLISH', 'asked:' .. id, '')
end
