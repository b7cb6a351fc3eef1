-- Deletes a picture of an owner.
--
-- Keys: picture
-- Arguments:
--   id     of the picture
--   owner  whose it is
--   blob   the key of the blob that it has
-- Returns 1, or 0 if the owner does not have the picture, or it has another blob.
if not has_picture(owner, picture) then return 0 end
if redis.call('HGET', picture, 'blob') ~= blob then return 0 end
delete_picture(id)
return 1
