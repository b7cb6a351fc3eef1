-- Lists the workers that are alive, or were so recently, and deletes the older ones.
--
-- Keys: workers, seen (register_worker.lua)
-- Arguments:
--   recent_ms      how long ago a registration may have expired; 0 for only the live workers
--   remembered_ms  after which an expired registration is deleted
-- Returns what each reports about itself (JSON).
local now = now_ms()
for _, name in ipairs(redis.call('ZRANGEBYSCORE', seen, '-inf', now - remembered_ms)) do
  redis.call('HDEL', workers, name)
  redis.call('ZREM', seen, name)
end
local names = redis.call('ZRANGEBYSCORE', seen, '(' .. now - recent_ms, '+inf')
if #names == 0 then
  return {}
end
return redis.call('HMGET', workers, unpack(names))
