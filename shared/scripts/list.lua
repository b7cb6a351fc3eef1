-- The newest jobs of an owner, or those that came before one of them; all or those in one state.
-- KEYS[1] index     sorted set: owner:moment:id of every job
-- KEYS[2] waiting   KEYS[3] running   KEYS[4] work      as in job/prelude.lua
-- ARGV[1] owner     ARGV[2] before    the moment:id after which it goes on, '' for the newest
-- ARGV[3] limit     how many at most, 1 or more
-- ARGV[4] status    '' for any
-- ARGV[5] most      how many are looked at: where few have the status, there are fewer than `limit`
-- ARGV[6] exact     as in job/look.lua
-- Replies {the moment:id where the list goes on, '' where it ends, what job/look.lua replies for each}.
local AT_ONCE = 100
local owner, place, limit, status = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local found, looked = {}, 0
while looked < tonumber(ARGV[5]) do
  local first = place == '' and '(' .. owner .. ';' or '(' .. owner .. ':' .. place
  local listed = redis.call('ZREVRANGEBYLEX', KEYS[1], first, '[' .. owner .. ':', 'LIMIT', 0, AT_ONCE)
  for _, each in ipairs(listed) do
    place, looked = string.sub(each, #owner + 2), looked + 1
    local id = string.match(place, '[^:]*$')
    local record = 'job:{' .. id .. '}'
    local state = redis.pcall('HGET', record, 'status')
    -- What is no record has no state, what is gone none either.
    if type(state) == 'string' and (status == '' or state == status) then
      found[#found + 1] = looked_at(record, id, KEYS[2], KEYS[3], KEYS[4], ARGV[6])
      if #found == limit then return {place, found} end
    end
  end
  if #listed < AT_ONCE then return {'', found} end
end
return {place, found}
