-- Deletes a job whose retention has ended.
--
-- Keys: record, finished, cleanup
-- Arguments: none
-- Returns 1, or 0 if its retention has not ended.
local expires = tonumber(redis.call('HGET', record, 'expires_ms') or 0)
if expires > now_ms() then
  redis.call('ZADD', finished, expires, id)
  return 0
end
delete_record()
redis.call('ZADD', cleanup, now_ms(), id)
return 1
