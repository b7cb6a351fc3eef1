-- The order in which jobs are painted, and what is ahead of one. Precedes every script.

-- A caller's next turn in a lane: the one after the caller's last turn, or after the current turn,
-- whichever is later. So the first job of one caller comes before the thousandth of another.
local function next_turn(turns, lane, caller)
  local latest = redis.call('HMGET', turns, lane, lane .. ':' .. caller)
  return math.max(tonumber(latest[1] or 0), tonumber(latest[2] or 0)) + 1
end

-- The place in the queue as one number, exact in a double: 2 bits of lane, 27 of turn, 24 of arrival.
-- Jobs of one turn are in the order of their arrival.
local function queue_place(lane, turn, arrival)
  return (tonumber(lane) * 2^27 + turn) * 2^24 + arrival % 2^24
end

-- How much is left to paint of the running jobs, and of the first `rank` queued ones. Only the first
-- `exact` of these are added up one by one; the others count as the mean of all queued jobs.
local function work_before(rank, waiting, running, work_left, exact)
  local sum = 0
  local function add(ids)
    if #ids == 0 then return end
    for _, left in ipairs(redis.call('HMGET', work_left, unpack(ids))) do
      sum = sum + tonumber(left or 0)
    end
  end
  add(redis.call('ZRANGE', running, 0, 255))
  local near = math.min(rank, tonumber(exact))
  if near > 0 then add(redis.call('ZRANGE', waiting, 0, near - 1)) end
  local far = rank - near
  if far > 0 then
    local all = tonumber(redis.call('HGET', work_left, 'waiting') or 0)
    sum = sum + far * all / redis.call('ZCARD', waiting)
  end
  return sum
end

-- A job's record and, while it is queued, its place in the queue: see job/read.lua.
local function read_job(record, id, waiting, running, work_left, exact)
  local fields = redis.pcall('HGETALL', record)
  if fields.err then return {{'id', id}} end
  local rank = redis.call('ZRANK', waiting, id)
  if not rank then return {fields} end
  local ahead = work_before(rank, waiting, running, work_left, exact)
  local left = tonumber(redis.call('HGET', work_left, id) or 0)
  return {fields, rank, tostring(ahead), tostring(left)}
end
