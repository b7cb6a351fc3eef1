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
--   counters   hash: what is counted for `api/ops/metrics.py`
--   kept       sorted set: ids of jobs that are over, those without a picture before the others and
--              the older before the newer; `kept:owner` has those of one owner
local record, waiting, turns, work, deadlines, running, over, debris, index, owners, inflight,
      webhooks, counters, kept = unpack(KEYS)

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

local function record_of(id)
  return 'job:{' .. id .. '}'
end

local function owner_of(id)
  local owner = redis.pcall('HGET', record_of(id), 'owner')
  return type(owner) == 'string' and owner or 'anonymous'
end

-- The job no longer counts among what is kept.
local function let_go(id)
  redis.call('ZREM', kept .. ':' .. owner_of(id), id)
  redis.call('ZREM', kept, id)
end

-- The jobs that are beyond what is kept are past their retention from now on, `but` one. A few at
-- once: there are many only where the limit was lowered.
local function trim(key, most, but)
  local beyond = math.min(redis.call('ZCARD', key) - most, 100)
  if beyond <= 0 then return end
  for _, id in ipairs(redis.call('ZRANGE', key, 0, beyond)) do
    if beyond > 0 and id ~= but then
      let_go(id)
      redis.call('ZREM', key, id)
      redis.call('ZADD', over, 'XX', now_ms(), id)
      redis.pcall('HSET', record_of(id), 'expires_ms', now_ms())
      beyond = beyond - 1
    end
  end
end

-- How long, and how much, is kept: what `Keeping.arguments` are, from this argument on.
local function keeping_from(first)
  return {retention_ms = ARGV[first], grace_ms = ARGV[first + 1],
          per_owner = tonumber(ARGV[first + 2]), in_all = tonumber(ARGV[first + 3])}
end

-- The record goes, and its owner's list no longer has it.
local function vanish(id)
  leave_everything(id)
  let_go(id)
  redis.call('ZREM', over, id)
  redis.call('ZREM', webhooks, id)
  redis.call('ZREM', index, redis.call('HGET', record, 'listed') or '')
  local once = redis.call('HGET', record, 'once')
  if once and redis.call('HGET', once, 'job') == id then redis.call('DEL', once) end
  redis.call('DEL', record)
  tell()
end

-- Ends a job: nothing leads out of `status`. What its workers left in the blob store is looked
-- through once none of them can write any more.
local function finish(id, status, keeping, ...)
  local now = now_ms()
  local expires = now + keeping.retention_ms
  leave_everything(id)
  redis.call('HDEL', record, 'cancel_requested', 'finish_requested')
  count(counters, 'over:' .. status)
  redis.call('ZADD', over, expires, id)
  redis.call('ZADD', debris, now + keeping.grace_ms, id)
  -- 10^13 milliseconds are three hundred years: those with a picture come after all others.
  local rank = now + (status == 'succeeded' and 1e13 or 0)
  local kept_of_owner = kept .. ':' .. owner_of(id)
  redis.call('ZADD', kept_of_owner, rank, id)
  redis.call('ZADD', kept, rank, id)
  trim(kept_of_owner, keeping.per_owner, id)
  trim(kept, keeping.in_all, id)
  if redis.call('HEXISTS', record, 'webhook_url') == 1 then
    redis.call('ZADD', webhooks, now, id)
  end
  return change('status', status, 'finished_ms', now, 'expires_ms', expires, ...)
end

-- Wakes the worker that paints the job: the client has asked for something.
local function wake(id)
  redis.call('PUBLISH', 'asked:' .. id, '')
end
