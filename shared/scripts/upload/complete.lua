-- Completes a direct upload: its picture is stored. If the upload has expired meanwhile, nothing
-- changes.
--
-- Keys: upload, uploads
-- Arguments:
--   id       of the upload
--   picture  the id of its picture
-- Returns 1.
if redis.call('EXISTS', upload) == 1 then redis.call('HSET', upload, 'picture', picture) end
redis.call('ZREM', uploads, id)
return 1
