-- A job's record and, while it waits, how many are before it, and how much they and it itself have
-- left to paint.
-- ARGV[1] id        ARGV[2] exact     how many of those before it are added up one by one; for the
--                   rest the mean of all that wait is taken
-- Replies {fields and values}, or {fields and values, rank, work ahead, work left} where it waits; no
-- fields where there is no such job.
local fields = redis.call('HGETALL', record)
local rank = redis.call('ZRANK', waiting, ARGV[1])
if not rank then return {fields} end

local ahead = 0
local function add(ids)
  if #ids == 0 then return end
  for _, left in ipairs(redis.call('HMGET', work, unpack(ids))) do
    ahead = ahead + tonumber(left or 0)
  end
end
add(redis.call('ZRANGE', running, 0, 255))
local near = math.min(rank, tonumber(ARGV[2]))
if near > 0 then add(redis.call('ZRANGE', waiting, 0, near - 1)) end
local far = rank - near
if far > 0 then
  local all = tonumber(redis.call('HGET', work, 'waiting') or 0)
  ahead = ahead + far * all / redis.call('ZCARD', waiting)
end
return {fields, rank, tostring(ahead), tostring(left_of(ARGV[1]))}
