-- Precedes every script on uploaded pictures. Scripts on one picture get all of these keys, the others
-- only those that do not depend on the picture or its owner:
--   picture    hash: one picture
--   index      sorted set: owner:moment:id of every picture, in this order (microseconds)
--   expiry     sorted set: ids of all pictures, by when they expire (milliseconds)
--   owned      sorted set: the same for one owner; its key is the key of `expiry` and `:owner`
--   unused     sorted set: keys of blobs that no picture uses, by when they are to be deleted
--              (milliseconds)
--   undeleted  sorted set: keys of unused blobs that could not be deleted, by when that is tried again
--              (milliseconds)

local function picture_key(picture_id)
  return 'picture:{' .. picture_id .. '}'
end

-- Deletes a picture in all its places; its blob is then unused.
local function delete_picture(picture_id)
  local state = redis.pcall('HMGET', picture_key(picture_id), 'owner', 'listed', 'blob')
  redis.call('DEL', picture_key(picture_id))
  redis.call('ZREM', expiry, picture_id)
  -- A key that holds something other than a picture, or nothing, has no owner.
  if state.err or not state[1] then return end
  redis.call('ZREM', expiry .. ':' .. state[1], picture_id)
  redis.call('ZREM', index, state[2])
  redis.call('ZADD', unused, now_ms(), state[3])
end

-- Retains a picture for longer, because it has just been used.
local function renew_picture(picture_id, retention_ms)
  local expires = now_ms() + retention_ms
  redis.call('HSET', picture, 'expires_ms', expires)
  redis.call('ZADD', expiry, expires, picture_id)
  redis.call('ZADD', owned, expires, picture_id)
end

-- Whether this owner has the picture, and it has not expired.
local function has_picture(owner, picture)
  local state = redis.call('HMGET', picture, 'owner', 'expires_ms')
  return state[1] == owner and tonumber(state[2]) > now_ms()
end
