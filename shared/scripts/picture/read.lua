-- Reads a picture of an owner.
--
-- Keys: picture
-- Arguments:
--   owner  whose it is
-- Returns its fields and values; none if the owner has no such picture, or it has expired.
if not has_picture(owner, picture) then return {} end
return redis.call('HGETALL', picture)
