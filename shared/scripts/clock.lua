-- Set before every script.

-- Milliseconds since 1970 by Redis's own clock: no worker's clock is ever trusted.
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
