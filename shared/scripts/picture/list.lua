-- Lists pictures of an owner, the newest first.
--
-- Keys: index
-- Arguments:
--   owner       whose pictures
--   before      the moment:id after which the list continues, '' for the newest
--   limit       how many at most, 1 or more
--   only_named  1 to list only those with a name, 0 for all
--   most        how many are read: if few have a name, fewer than `limit` are returned
-- Returns {the moment:id after which the list continues, '' at its end, the fields and values of each}.
local PAGE = 100
local place, found, seen = before, {}, 0
while seen < tonumber(most) do
  local first = place == '' and '(' .. owner .. ';' or '(' .. owner .. ':' .. place
  local page = redis.call('ZREVRANGEBYLEX', index, first, '[' .. owner .. ':', 'LIMIT', 0, PAGE)
  for _, entry in ipairs(page) do
    place, seen = string.sub(entry, #owner + 2), seen + 1
    local key = picture_key(string.match(place, '[^:]*$'))
    local state = redis.pcall('HMGET', key, 'expires_ms', 'name')
    -- A key that holds something other than a picture, or nothing, counts as expired.
    if tonumber(state[1] or 0) > now_ms() and (only_named == '0' or state[2] ~= '') then
      found[#found + 1] = redis.call('HGETALL', key)
      if #found == tonumber(limit) then return {place, found} end
    end
  end
  if #page < PAGE then return {'', found} end
end
return {place, found}
