-- Reads a picture of an owner.
--
-- Keys: picture
-- Arguments:
--   owner  whose it is
-- Returns its fields and values; none if the owner does not have the picture, or it has expired.
if not has_picture(owner, picture) then return {} end
return redis.call('HGETALL', picture)
