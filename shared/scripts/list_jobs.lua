-- Lists jobs of an owner, the newest first: all, or those in one state.
--
-- Keys: index, by_status, waiting, running, work_left (job/prelude.lua)
-- Arguments:
--   owner   whose jobs
--   before  the moment:id after which the list continues, '' for the newest
--   limit   how many at most, 1 or more
--   status  '' for any
--   most    how many are read: if many of these have no record with the status, fewer than `limit`
--           are returned
--   exact   as in job/read.lua
-- Returns {the moment:id after which the list continues, '' at its end, what job/read.lua returns for
-- each}.
local PAGE = 100
local list, prefix = index, owner
if status ~= '' then list, prefix = by_status, status .. ':' .. owner end
local place, found, seen = before, {}, 0
while seen < tonumber(most) do
  local first = place == '' and '(' .. prefix .. ';' or '(' .. prefix .. ':' .. place
  local page = redis.call('ZREVRANGEBYLEX', list, first, '[' .. prefix .. ':', 'LIMIT', 0, PAGE)
  for _, entry in ipairs(page) do
    place, seen = string.sub(entry, #prefix + 2), seen + 1
    local id = string.match(place, '[^:]*$')
    local record = record_key(id)
    local state = redis.pcall('HGET', record, 'status')
    -- A key that holds something other than a record, or nothing, has no state.
    if type(state) == 'string' and (status == '' or state == status) then
      found[#found + 1] = read_job(record, id, waiting, running, work_left, exact)
      if #found == tonumber(limit) then return {place, found} end
    end
  end
  if #page < PAGE then return {'', found} end
end
return {place, found}
