-- Precedes every script.

-- Microseconds since 1970 by the clock of Redis: scripts write and compare no other times.
local function now_us()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

-- The same in milliseconds.
local function now_ms()
  return math.floor(now_us() / 1000)
end

-- The upper bounds of the buckets of durations, in seconds: the same as in the API's metrics.
local bounds = {0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600}

local function count(counters, name, by)
  redis.call('HINCRBYFLOAT', counters, name, by or 1)
end

-- Counts one duration, in its bucket.
local function observe(counters, name, seconds)
  local bucket = '+Inf'
  for _, bound in ipairs(bounds) do
    if seconds <= bound then
      bucket = tostring(bound)
      break
    end
  end
  count(counters, name .. ':' .. bucket)
  count(counters, name .. ':sum', seconds)
end

local function record_key(id)
  return 'job:{' .. id .. '}'
end
