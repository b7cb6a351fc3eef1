-- The pictures of a new job are about to be written: if its record never comes, they are cleaned up.
--
-- Keys: cleanup
-- Arguments:
--   grace_ms  how long the record may take to come
-- Returns until when it may come (milliseconds), the same again where the first reply was lost.
redis.call('ZADD', cleanup, 'NX', now_ms() + grace_ms, id)
return tonumber(redis.call('ZSCORE', cleanup, id))
