-- Reads the key of an owner, and stores one first if there is none.
--
-- Keys:
--   keys  hash: owner → key
-- Arguments:
--   owner  whose key
--   fresh  the key to store
-- Returns the key.
redis.call('HSETNX', keys, owner, fresh)
return redis.call('HGET', keys, owner)
