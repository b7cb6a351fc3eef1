-- Deletes a sweep, and its idempotency key.
--
-- Keys: as in store.lua
--   sweep, all, owned
-- Arguments: none
-- Returns 1, or 0 if the sweep did not exist.
redis.call('ZREM', all, sweep)
redis.call('ZREM', owned, sweep)
return delete_sweep(sweep)
