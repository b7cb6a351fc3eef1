-- Completes a direct upload: its picture is stored. If the upload has expired meanwhile, nothing
-- changes.
--
-- Keys: upload, uploads
-- Arguments:
--   id       of the upload
--   picture  the id of its picture
-- Returns 1.
if redis.call('EXISTS', upload) == 1 then
  redis.call('HSET', upload, 'picture', picture)
  -- It counts towards the limit for as long as its file may be written again.
  redis.call('ZADD', uploads, 'XX', redis.call('HGET', upload, 'writable_until'), id)
end
return 1
