-- A client submits under a key of its own, so that the same submission twice is one job.
-- KEYS[1] kept         hash: the submission that was first with that key
-- ARGV[1] token        of this request
-- ARGV[2] fingerprint  of what it submits
-- ARGV[3] hold_ms      how long the submission may take
-- ARGV[4] gone         the id of what was made of it and has been deleted since; '' where that is not
--                      known: what is gone is made again
-- Replies {'new'} where it is the first, again where the first reply was lost; {'job', id} where the
-- same was submitted before; {'other'} where something else was; {'pending'} where the same is just
-- being submitted.
local kept = redis.call('HMGET', KEYS[1], 'token', 'fingerprint', 'job')
if not kept[1] then
  redis.call('HSET', KEYS[1], 'token', ARGV[1], 'fingerprint', ARGV[2])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  return {'new'}
end
if kept[2] ~= ARGV[2] then return {'other'} end
if kept[3] and kept[3] == ARGV[4] then
  redis.call('HDEL', KEYS[1], 'job')
  redis.call('HSET', KEYS[1], 'token', ARGV[1])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  return {'new'}
end
if kept[3] then return {'job', kept[3]} end
if kept[1] == ARGV[1] then return {'new'} end
return {'pending'}
