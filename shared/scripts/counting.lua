-- Goes before every script.

-- The upper bounds of the buckets that durations are counted in, in seconds: the same as those of the
-- API's metrics.
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
