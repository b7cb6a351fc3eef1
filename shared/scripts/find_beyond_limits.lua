-- Lists jobs beyond the limits of how many are retained: there are some if a limit was lowered.
--
-- Keys: index, retained (job/prelude.lua)
-- Arguments:
--   after           the owner after whom this continues, '' for the first
--   owners          the jobs of how many owners are counted at most
--   limit           how many jobs at most
--   jobs_per_owner  how many jobs are retained of one owner
--   jobs_in_all     how many jobs are retained of all owners
-- Returns {the last owner whose jobs are all listed, '' at the end, {key of the list of retained jobs,
-- id} of each}.
local found = {}

-- Adds the jobs beyond a limit of a list, up to `limit` in all. Returns whether it added all of them.
local function add(list, most)
  local beyond, free = redis.call('ZCARD', list) - most, limit - #found
  local count = math.min(beyond, free)
  if count > 0 then
    for _, id in ipairs(redis.call('ZRANGE', list, 0, count - 1)) do found[#found + 1] = {list, id} end
  end
  return beyond <= free
end

local last = after
for _ = 1, tonumber(owners) do
  local first = last == '' and '-' or '(' .. last .. ';'
  local entry = redis.call('ZRANGEBYLEX', index, first, '+', 'LIMIT', 0, 1)[1]
  local owner = entry and string.match(entry, '^(.*):[^:]*:[^:]*$')
  if owner and not add(retained .. ':' .. owner, jobs_per_owner) then break end
  last = owner or ''
  if not owner then break end
end
add(retained, jobs_in_all)
return {last, found}
