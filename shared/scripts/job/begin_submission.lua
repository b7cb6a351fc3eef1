-- Notes that the pictures of a new job are about to be written: if its record is never written, they
-- are cleaned up.
--
-- Keys: cleanup
-- Arguments:
--   grace_ms  how long the record may take
-- Returns until when it may be written (milliseconds), the same again if the first reply was lost.
redis.call('ZADD', cleanup, 'NX', now_ms() + grace_ms, id)
return tonumber(redis.call('ZSCORE', cleanup, id))
