-- Reads a direct upload of an owner.
--
-- Keys: upload
-- Arguments:
--   owner  whose it is
-- Returns its name, its blob and its picture ('' before it is completed); nothing if the owner does
-- not have the upload, or it has expired.
if redis.call('HGET', upload, 'owner') ~= owner then return {} end
return redis.call('HMGET', upload, 'name', 'blob', 'picture')
