-- A sweep is kept no more, nor the idempotency key that gives it.
-- KEYS[1] sweep     KEYS[2] all       KEYS[3] owned     as in keep.lua
-- Replies 1, or 0 where there was no such sweep.
redis.call('ZREM', KEYS[2], KEYS[1])
redis.call('ZREM', KEYS[3], KEYS[1])
return forget_sweep(KEYS[1])
