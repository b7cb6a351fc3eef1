-- Repairs a part of the lists of jobs: a process of an older version changes a state without moving the
-- job to its list.
--
-- Keys: index, by_status (job/prelude.lua)
-- Arguments:
--   after            the entry of `index` after which this continues, '' for its beginning
--   after_by_status  the same for `by_status`
--   limit            how many entries of each at most
-- Returns the last entry of each list that is now checked, '' at the list's end.
local function list_entries(list, last)
  local first = last == '' and '-' or '(' .. last
  local entries = redis.call('ZRANGEBYLEX', list, first, '+', 'LIMIT', 0, limit)
  return entries, #entries < tonumber(limit) and '' or entries[#entries]
end

-- The job's state: false if it has no record, an error if the key holds something else.
local function read_status(entry)
  return redis.pcall('HGET', record_key(string.match(entry, '[^:]*$')), 'status')
end

local jobs, rest = list_entries(index, after)
for _, listed in ipairs(jobs) do
  local status = read_status(listed)
  local entry = type(status) == 'string' and status .. ':' .. listed
  -- A full Redis refuses to add even an entry that exists.
  if entry and not redis.call('ZSCORE', by_status, entry) then redis.call('ZADD', by_status, 0, entry) end
  if not status then redis.call('ZREM', index, listed) end
end
local entries, rest_by_status = list_entries(by_status, after_by_status)
for _, entry in ipairs(entries) do
  if read_status(entry) ~= string.match(entry, '^[^:]*') then redis.call('ZREM', by_status, entry) end
end
return {rest, rest_by_status}
