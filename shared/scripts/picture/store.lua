-- Stores a picture whose blob is written. Beyond the limits, the least recently used pictures are
-- deleted.
--
-- Keys: picture, index, expiry, owned, unused
-- Arguments:
--   id            of the picture
--   owner         whose it is
--   name          '' if it has none
--   width         in pixels
--   height        in pixels
--   bytes         the length of its blob
--   transparent   1 if some of its pixels are, else 0
--   blob          the key of its blob
--   retention_ms  how long it is retained after its last use
--   per_owner     how many pictures are stored of one owner
--   in_all        how many pictures are stored of all owners
-- Returns {'stored', fields and values}; {'exists', fields and values} if the same picture was stored
-- meanwhile: then the new blob is unused; {'late'} if the blob may have been deleted.
if redis.call('HGET', picture, 'blob') == blob then  -- a repeated call, whose reply was lost
  return {'stored', redis.call('HGETALL', picture)}
end
local due = redis.call('ZSCORE', unused, blob)
if not due or tonumber(due) <= now_ms() then return {'late'} end
if has_picture(owner, picture) then
  redis.call('ZADD', unused, now_ms(), blob)
  renew_picture(id, retention_ms)
  return {'exists', redis.call('HGETALL', picture)}
end
delete_picture(id)  -- one that has expired

local listed = string.format('%s:%016.0f:%s', owner, now_us(), id)
redis.call('HSET', picture, 'id', id, 'owner', owner, 'name', name, 'width', width,
           'height', height, 'bytes', bytes, 'transparent', transparent, 'blob', blob,
           'created_ms', now_ms(), 'listed', listed)
redis.call('ZADD', index, 0, listed)
redis.call('ZREM', unused, blob)
renew_picture(id, retention_ms)

-- Deletes the pictures beyond a limit, a few at once: there are many only if the limit was lowered.
local function trim(pictures, limit)
  local beyond = math.min(redis.call('ZCARD', pictures) - limit, 100)
  if beyond <= 0 then return end
  for _, oldest in ipairs(redis.call('ZRANGE', pictures, 0, beyond)) do
    if beyond > 0 and oldest ~= id then
      delete_picture(oldest)
      redis.call('ZREM', pictures, oldest)
      beyond = beyond - 1
    end
  end
end

trim(owned, tonumber(per_owner))
trim(expiry, tonumber(in_all))
return {'stored', redis.call('HGETALL', picture)}
