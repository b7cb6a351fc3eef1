-- A job that is past its retention never was.
-- ARGV[1] id
-- Replies 1, or 0 where it is still to be kept.
local id = ARGV[1]
local expires = tonumber(redis.call('HGET', record, 'expires_ms') or 0)
if expires > now_ms() then
  redis.call('ZADD', over, expires, id)
  return 0
end
vanish(id)
redis.call('ZADD', debris, now_ms(), id)
return 1
