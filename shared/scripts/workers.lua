-- What the workers that live say of themselves; those that fell silent are forgotten.
-- KEYS[1] workers   KEYS[2] seen
for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now_ms())) do
  redis.call('HDEL', KEYS[1], name)
  redis.call('ZREM', KEYS[2], name)
end
return redis.call('HVALS', KEYS[1])
