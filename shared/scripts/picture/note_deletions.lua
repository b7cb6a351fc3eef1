-- Notes which unused blobs were deleted, and which could not be.
--
-- Keys: unused, undeleted
-- Arguments:
--   deleted   (JSON) the keys of those that were deleted
--   failed    (JSON) the keys of the others: a picture that is stored late must not use them either
--   delay_ms  the time after which the others are tried again
-- Returns 1.
for _, blob in ipairs(cjson.decode(deleted)) do
  redis.call('ZREM', unused, blob)
  redis.call('ZREM', undeleted, blob)
end
for _, blob in ipairs(cjson.decode(failed)) do
  redis.call('ZREM', unused, blob)
  redis.call('ZADD', undeleted, now_ms() + delay_ms, blob)
end
return 1
