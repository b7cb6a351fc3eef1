-- Set before every script that counts.

-- The upper bounds of the classes that durations are counted in, in seconds; `api/ops/metrics.py` has
-- the same.
local bounds = {0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600}

local function count(counters, name, by)
  redis.call('HINCRBYFLOAT', counters, name, by or 1)
end

-- One duration more, in its class.
local function observe(counters, name, seconds)
  local class = '+Inf'
  for _, bound in ipairs(bounds) do
    if seconds <= bound then
      class = tostring(bound)
      break
    end
  end
  count(counters, name .. ':' .. class)
  count(counters, name .. ':sum', seconds)
end
