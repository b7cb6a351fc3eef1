-- Deletes pictures that have expired, and lists the blobs that no picture uses.
--
-- Keys: expiry, unused, undeleted
-- Arguments:
--   limit  how many of each at most
-- Returns the keys of the blobs.
for _, id in ipairs(redis.call('ZRANGEBYSCORE', expiry, '-inf', now_ms(), 'LIMIT', 0, limit)) do
  delete_picture(id)
end
local blobs = redis.call('ZRANGEBYSCORE', unused, '-inf', now_ms(), 'LIMIT', 0, limit)
for _, blob in ipairs(redis.call('ZRANGEBYSCORE', undeleted, '-inf', now_ms(), 'LIMIT', 0, limit)) do
  blobs[#blobs + 1] = blob
end
return blobs
