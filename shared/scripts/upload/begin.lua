-- Begins a direct upload, unless its owner has too many. If it is abandoned, its record expires, and
-- its blob is deleted.
--
-- Keys:
--   upload   hash: the upload
--   uploads  sorted set: ids of its owner's uploads whose file may still be written or completed, by
--            until when (milliseconds)
--   unused   sorted set: keys of blobs that no picture uses, by when they are to be deleted
--            (milliseconds)
-- Arguments:
--   id           of the upload
--   owner        whose it is
--   name         of the picture; '' if it has none
--   blob         the key of the file that the client sends
--   lifetime_ms  how long the upload lasts
--   url_ms       how long its file may be written
--   limit        how many uploads one owner may have
-- Returns 0, or how long to wait if there are too many (milliseconds).
local now = now_ms()
local expires = now + lifetime_ms
redis.call('ZREMRANGEBYSCORE', uploads, '-inf', now)
local is_repeated = redis.call('ZSCORE', uploads, id)  -- a call whose reply was lost
if not is_repeated and redis.call('ZCARD', uploads) >= tonumber(limit) then
  return redis.call('ZRANGE', uploads, 0, 0, 'WITHSCORES')[2] - now
end
redis.call('HSET', upload, 'owner', owner, 'name', name, 'blob', blob, 'picture', '',
           'writable_until', now + url_ms)
redis.call('PEXPIREAT', upload, expires)
redis.call('ZADD', uploads, expires, id)
redis.call('PEXPIREAT', uploads, expires)
-- Until then, the client may write the blob repeatedly.
redis.call('ZADD', unused, expires, blob)
return 0
