-- Lists the newest jobs of an owner, or those that came before one of them; all or those in one state.
--
-- Keys: index, waiting, running, work_left (job/prelude.lua)
-- Arguments:
--   owner   whose jobs
--   before  the moment:id after which the list goes on, '' for the newest
--   limit   how many at most, 1 or more
--   status  '' for any
--   most    how many are read: where few have the status, there are fewer than `limit`
--   exact   as in job/read.lua
-- Returns {the moment:id where the list goes on, '' where it ends, what job/read.lua returns for each}.
local PAGE = 100
local place, found, seen = before, {}, 0
while seen < tonumber(most) do
  local first = place == '' and '(' .. owner .. ';' or '(' .. owner .. ':' .. place
  local page = redis.call('ZREVRANGEBYLEX', index, first, '[' .. owner .. ':', 'LIMIT', 0, PAGE)
  for _, entry in ipairs(page) do
    place, seen = string.sub(entry, #owner + 2), seen + 1
    local id = string.match(place, '[^:]*$')
    local record = record_key(id)
    local state = redis.pcall('HGET', record, 'status')
    -- A key that holds something else than a record has no state, nor has one that is gone.
    if type(state) == 'string' and (status == '' or state == status) then
      found[#found + 1] = read_job(record, id, waiting, running, work_left, exact)
      if #found == tonumber(limit) then return {place, found} end
    end
  end
  if #page < PAGE then return {'', found} end
end
return {place, found}
