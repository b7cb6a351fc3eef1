-- Notes that the blob of a new picture is about to be written: if the record never is, it is deleted.
--
-- Keys: unused
-- Arguments:
--   blob      the key of the blob
--   grace_ms  how long the record may take
-- Returns 1.
redis.call('ZADD', unused, now_ms() + grace_ms, blob)
return 1
