-- Reads a picture that is used, and retains it for longer.
--
-- Keys: picture
-- Arguments:
--   id            of the picture
--   owner         whose it is
--   retention_ms  how long it is retained from now on
--   name          its new name; '' if it stays as it is
-- Returns what read.lua returns.
if not has_picture(owner, picture) then return {} end
renew_picture(id, retention_ms)
if name ~= '' then redis.call('HSET', picture, 'name', name) end
return redis.call('HGETALL', picture)
