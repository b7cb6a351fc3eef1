-- Precedes every script on one job. Each gets its own arguments, the job's `id`, and these keys:
--   record     hash: the job
--   waiting    sorted set: ids of queued jobs, by their place
--   arrivals   sorted set: ids of queued jobs, by when they were submitted (milliseconds)
--   turns      hash: the current turn of each lane, and the last of each caller
--   work_left  hash: id → how much is left to paint, of queued and running jobs; 'waiting' → the sum
--              over all queued jobs
--   deadlines  sorted set: ids of queued jobs, by when they expire or time out (milliseconds)
--   running    sorted set: ids of running jobs, by when their lease ends (milliseconds)
--   finished   sorted set: ids of jobs that are over, by when their retention ends (milliseconds)
--   cleanup    sorted set: ids whose blobs are to be cleaned up, by when (milliseconds)
--   index      sorted set: owner:moment:id of every job, in this order (microseconds)
--   by_status  sorted set: status:owner:moment:id of every job, in this order
--   owners     hash: id → owner, of queued and running jobs
--   in_flight  hash: owner → how many of these jobs it has
--   webhooks   sorted set: ids whose webhook is to be tried, by when (milliseconds): later than
--              `webhook_again_ms` of the record while a try is under way
--   counters   hash: the counts that the API's metrics read
--   retained   sorted set: ids of jobs that are over, those without a picture first, then by age;
--              `retained:owner` has those of one owner
-- A script that ends a job also gets the arguments of `Retention` in `shared/transitions.py`:
--   retention_ms    how long the job is retained once it is over
--   grace_ms        the time after which none of its workers writes any more
--   jobs_per_owner  how many jobs are retained of one owner
--   jobs_in_all     how many jobs are retained of all owners

-- Notifies the subscribers that this job has changed.
local function notify()
  redis.call('PUBLISH', 'changed', id)
end

-- Writes fields of the record that a client can see: the version goes up by one. If the version is not
-- a number, it stays, and the record counts as damaged when it is read.
local function update_record(...)
  redis.call('HSET', record, ...)
  notify()
  redis.pcall('HINCRBY', record, 'version', 1)
end

-- Enters a state, and writes further fields and values: the job moves to that state's list.
local function enter_state(status, ...)
  local state = redis.call('HMGET', record, 'listed', 'status')
  if state[1] then
    redis.call('ZREM', by_status, (state[2] or '') .. ':' .. state[1])
    redis.call('ZADD', by_status, 0, status .. ':' .. state[1])
  end
  update_record('status', status, ...)
end

-- How much of the job is left to paint.
local function read_work_left()
  return tonumber(redis.call('HGET', work_left, id)) or 0
end

-- Returns until when a worker may claim the job, infinity by default, and what happens to it then:
-- 'expired' or 'timed_out'.
local function find_latest_start()
  local state = redis.call('HMGET', record, 'deadline_ms', 'started_ms', 'timeout_ms')
  -- A job that was claimed in time does not expire when it is queued again.
  local deadline = not state[2] and tonumber(state[1]) or math.huge
  local timeout = tonumber(state[3]) or math.huge
  if timeout < deadline then return timeout, 'timed_out' end
  return deadline, 'expired'
end

-- Forgets a few of the callers without later turns: their next turn stays the same. A claim forgets its
-- own caller, but nothing else forgets a caller whose last job was not claimed.
local function forget_past_turns()
  local found = redis.call('HRANDFIELD', turns, 8, 'WITHVALUES')
  for i = 1, #found, 2 do
    local lane = string.match(found[i], '^(%d):')
    if lane and tonumber(found[i + 1]) <= tonumber(redis.call('HGET', turns, lane) or 0) then
      redis.call('HDEL', turns, found[i])
    end
  end
end

-- Puts the job into the queue. A damaged record must not stop a script halfway: the job would be in no
-- list.
local function enter_queue()
  local state = redis.call('HMGET', record, 'place', 'created_ms')
  if redis.call('ZADD', waiting, tonumber(state[1]) or now_ms(), id) == 1 then
    redis.call('HINCRBYFLOAT', work_left, 'waiting', read_work_left())
  end
  redis.call('ZADD', arrivals, tonumber(state[2]) or now_ms(), id)
  local latest = find_latest_start()
  if latest < math.huge then redis.call('ZADD', deadlines, latest, id) end
end

-- Queues a running job again, at its old place.
local function requeue_job()
  redis.call('ZREM', running, id)
  redis.call('HDEL', record, 'fence', 'claimed_by')
  enter_queue()
  enter_state('queued')
end

local function leave_queue()
  if redis.call('ZREM', waiting, id) == 1 then
    redis.call('HINCRBYFLOAT', work_left, 'waiting', -read_work_left())
  end
  redis.call('ZREM', arrivals, id)
  redis.call('ZREM', deadlines, id)
  if redis.call('EXISTS', waiting, running) == 0 then
    -- No job is left to take turns with. This also removes rounding errors.
    redis.call('DEL', turns)
    redis.call('HDEL', work_left, 'waiting')
  else
    forget_past_turns()
  end
end

-- Stops counting the job among its owner's jobs in flight.
local function leave_in_flight()
  local owner = redis.call('HGET', owners, id)
  if not owner then return end
  redis.call('HDEL', owners, id)
  if redis.call('HINCRBY', in_flight, owner, -1) <= 0 then redis.call('HDEL', in_flight, owner) end
end

-- Removes a job that is neither queued nor running any more.
local function leave_all_queues()
  redis.call('ZREM', running, id)
  leave_queue()
  redis.call('HDEL', work_left, id)
  leave_in_flight()
end

local function retained_key(job_id)
  local owner = redis.pcall('HGET', record_key(job_id), 'owner')
  return retained .. ':' .. (type(owner) == 'string' and owner or 'anonymous')
end

-- Removes a job from the lists of retained jobs.
local function stop_retaining(job_id)
  redis.call('ZREM', retained_key(job_id), job_id)
  redis.call('ZREM', retained, job_id)
end

-- Ends the retention of the jobs beyond a limit, but not of this one. A few at once: there are many
-- only if the limit was lowered, and then the reconciler deletes them.
local function trim_retained(key, limit)
  local beyond = math.min(redis.call('ZCARD', key) - limit, 100)
  if beyond <= 0 then return end
  for _, oldest in ipairs(redis.call('ZRANGE', key, 0, beyond)) do
    if beyond > 0 and oldest ~= id then
      stop_retaining(oldest)
      redis.call('ZREM', key, oldest)
      redis.call('ZADD', finished, 'XX', now_ms(), oldest)
      -- Otherwise a record that is gone would come back with this field alone.
      if redis.pcall('HEXISTS', record_key(oldest), 'status') == 1 then
        redis.call('HSET', record_key(oldest), 'expires_ms', now_ms())
        redis.pcall('HINCRBY', record_key(oldest), 'version', 1)
      end
      beyond = beyond - 1
    end
  end
end

-- The share of the work that counts as progress: heartbeats report it only roughly.
local PROGRESS = 0.02

-- How many workers whose attempts failed a record names.
local REMEMBERED_WORKERS = 16

-- Returns how many attempts in a row, including the current one, have failed because of their workers
-- and without progress beyond the earlier ones.
local function count_failed_attempts(left)
  local state = redis.call('HMGET', record, 'lost', 'lost_left', 'work')
  local before, work = tonumber(state[2]), tonumber(state[3]) or 0
  if before and before > left and before - left >= PROGRESS * work then return 1 end
  return (tonumber(state[1]) or 0) + 1
end

-- Notes that the current attempt has failed because of its worker. Each worker is named once, with its
-- newest reason; a worker of version 0.2.0 does not report its identity.
local function note_failed_attempt(reason)
  local left = read_work_left()
  local failed = count_failed_attempts(left)
  redis.call('HSET', record, 'lost', failed)
  -- `lost_left` stays until an attempt gets further. Otherwise an attempt that got less far would make
  -- the next one count as progress.
  redis.call(failed == 1 and 'HSET' or 'HSETNX', record, 'lost_left', left)
  local state = redis.call('HMGET', record, 'claimed_by', 'failed_attempts')
  if not state[1] then return end
  local attempts = {}
  for attempt in string.gmatch(state[2] or '', '[^,]+') do
    if string.match(attempt, '@(.*)') ~= state[1] then attempts[#attempts + 1] = attempt end
  end
  attempts[#attempts + 1] = reason .. '@' .. state[1]
  local first = math.max(1, #attempts - REMEMBERED_WORKERS + 1)
  redis.call('HSET', record, 'failed_attempts', table.concat(attempts, ',', first))
end

-- Deletes the record, and the job from its owner's lists.
local function delete_record()
  leave_all_queues()
  stop_retaining(id)
  redis.call('ZREM', finished, id)
  redis.call('ZREM', webhooks, id)
  local state = redis.call('HMGET', record, 'listed', 'status')
  redis.call('ZREM', index, state[1] or '')
  redis.call('ZREM', by_status, (state[2] or '') .. ':' .. (state[1] or ''))
  local idempotency_key = redis.call('HGET', record, 'once')
  if idempotency_key and redis.call('HGET', idempotency_key, 'job') == id then
    redis.call('DEL', idempotency_key)
  end
  redis.call('DEL', record)
  notify()
end

-- The event that the webhook delivers next, nil if there is none: the first pending one, or 'finished',
-- which is never in the list of pending events.
local function next_webhook_event(pending, events, is_over)
  local first = string.match(pending or '', '[^,]+')
  if first then return first end
  if is_over and (not events or string.find(events, 'finished')) then return 'finished' end
end

-- Lets the webhook deliver 'started' or 'progress', after the pending events. A 'progress' is not added
-- while one is pending: its content is read when it is delivered. Returns whether it was added.
local function add_webhook_event(event)
  local state = redis.call('HMGET', record, 'webhook_events', 'webhook_pending')
  if not state[1] or not string.find(state[1], event) then return false end
  local pending = state[2] or ''
  if string.find(pending, event) then return false end
  if pending == '' then
    redis.call('HSET', record, 'webhook_pending', event, 'webhook_tries', 0)
    redis.call('ZADD', webhooks, now_ms(), id)
  else
    redis.call('HSET', record, 'webhook_pending', pending .. ',' .. event)
  end
  return true
end

-- Prepares the webhook of a job that is over: progress is no longer reported, and the next event is due
-- now. While a try is under way, `note_delivery` does this after it.
local function finish_webhook()
  local state = redis.call('HMGET', record, 'webhook_url', 'webhook_events', 'webhook_pending',
                           'webhook_again_ms')
  if not state[1] then return end
  local pending = string.match(state[3] or '', 'started')
  local event = next_webhook_event(pending, state[2], true)
  if state[3] and not pending then redis.call('HDEL', record, 'webhook_pending') end
  if pending then redis.call('HSET', record, 'webhook_pending', pending) end
  if not event then return end
  if event == 'finished' and state[2] then redis.call('HSET', record, 'webhook_tries', 0) end
  local due = redis.call('ZSCORE', webhooks, id)
  if not due or tonumber(due) == tonumber(state[4]) then
    redis.call('ZADD', webhooks, now_ms(), id)
  end
end

-- Ends the job with a final status, and further fields and values. What its workers left in the blob
-- store is cleaned up once none of them can write any more.
local function finish_job(status, ...)
  local now = now_ms()
  local keep = tonumber(redis.call('HGET', record, 'keep')) or math.huge
  local expires = now + math.min(keep, tonumber(retention_ms))
  leave_all_queues()
  redis.call('HDEL', record, 'cancel_requested', 'finish_requested', 'claimed_by')
  count(counters, 'over:' .. status)
  redis.call('ZADD', finished, expires, id)
  redis.call('ZADD', cleanup, now + grace_ms, id)
  -- 10^13 milliseconds are three hundred years: jobs with a picture come after all others.
  local rank = now + (status == 'succeeded' and 1e13 or 0)
  local retained_of_owner = retained_key(id)
  redis.call('ZADD', retained_of_owner, rank, id)
  redis.call('ZADD', retained, rank, id)
  trim_retained(retained_of_owner, tonumber(jobs_per_owner))
  trim_retained(retained, tonumber(jobs_in_all))
  finish_webhook()
  enter_state(status, 'finished_ms', now, 'expires_ms', expires, ...)
  if status == 'failed' then
    count(counters, 'failed:' .. redis.call('HGET', record, 'error_code'))
  end
end

-- Wakes the worker that paints the job: the client has requested something.
local function wake_worker()
  redis.call('PUBLISH', 'wake-up:' .. id, '')
end
