-- A worker says that it lives, and what it is.
-- KEYS[1] workers   hash: name → what the worker says of itself (JSON)
-- KEYS[2] seen      sorted set: name, by when it is no longer believed (milliseconds)
-- ARGV[1] name      ARGV[2] about (JSON)      ARGV[3] believed_ms
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], now_ms() + ARGV[3], ARGV[1])
return 1
