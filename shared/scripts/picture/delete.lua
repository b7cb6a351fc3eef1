-- Deletes a picture of an owner.
--
-- Keys: picture
-- Arguments:
--   id     of the picture
--   owner  whose it is
--   blob   the key of the blob that it has; '' for any
-- Returns the key of its blob, which is to be deleted; nothing if the owner has no such picture.
if not has_picture(owner, picture) then return false end
if blob ~= '' and redis.call('HGET', picture, 'blob') ~= blob then return false end
return delete_picture(id)
