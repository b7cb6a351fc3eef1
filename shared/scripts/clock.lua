-- Goes before every script.

-- Microseconds since 1970 by Redis's own clock: no worker's clock is ever trusted.
local function now_us()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

-- The same in milliseconds.
local function now_ms()
  return math.floor(now_us() / 1000)
end
