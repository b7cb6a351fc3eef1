-- Lists the living workers, and deletes those whose registration has expired.
--
-- Keys: workers, seen (register_worker.lua)
-- Arguments: none
-- Returns what each reports of itself (JSON).
for _, name in ipairs(redis.call('ZRANGEBYSCORE', seen, '-inf', now_ms())) do
  redis.call('HDEL', workers, name)
  redis.call('ZREM', seen, name)
end
return redis.call('HVALS', workers)
