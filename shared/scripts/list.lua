-- The newest jobs of an owner, or those that came before one of them.
-- KEYS[1] index     sorted set: owner:moment:id of every job
-- ARGV[1] owner     ARGV[2] before    the moment:id after which it goes on, '' for the newest
-- ARGV[3] limit     how many
-- Replies their moment:id, the newest first.
local first = ARGV[2] == '' and '(' .. ARGV[1] .. ';' or '(' .. ARGV[1] .. ':' .. ARGV[2]
local found = redis.call('ZREVRANGEBYLEX', KEYS[1], first, '[' .. ARGV[1] .. ':', 'LIMIT', 0, ARGV[3])
for each, listed in ipairs(found) do found[each] = string.sub(listed, #ARGV[1] + 2) end
return found
