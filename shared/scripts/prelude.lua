-- Set before every script of this folder.

-- Milliseconds since 1970 by Redis's own clock: no worker's clock is ever trusted.
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Writes fields of a record that a client can see: one more version.
local function change(record, ...)
  redis.call('HSET', record, ...)
  return redis.call('HINCRBY', record, 'version', 1)
end

-- Ends a job: nothing leads out of `status`, and its retention begins.
local function finish(record, status, retention_ms, ...)
  local now = now_ms()
  redis.call('HDEL', record, 'lease_ms', 'cancel_requested')
  return change(record, 'status', status, 'finished_ms', now,
                'expires_ms', now + retention_ms, ...)
end
