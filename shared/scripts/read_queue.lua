-- Reads a page of the queue: the records of the jobs that are to be painted next.
--
-- Keys: waiting (job/prelude.lua)
-- Arguments:
--   after  the place after which the page begins, '-inf' for the first
--   limit  how many at most
-- Returns {the place after which the queue continues, '' at its end, {id, fields and values} of each}; no
-- fields if there is no record, only the id if the key holds something else.
local first = after == '-inf' and after or '(' .. after
local page = redis.call('ZRANGEBYSCORE', waiting, first, '+inf', 'WITHSCORES', 'LIMIT', 0, limit)
local found = {}
for i = 1, #page, 2 do
  local fields = redis.pcall('HGETALL', record_key(page[i]))
  found[#found + 1] = {page[i], fields.err and {'id', page[i]} or fields}
end
return {#found == tonumber(limit) and page[#page] or '', found}
