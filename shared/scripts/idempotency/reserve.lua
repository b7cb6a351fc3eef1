-- A client submits under an idempotency key, so that the same submission twice is one job.
--
-- Keys:
--   idempotency  hash: the submission that was first with the key
-- Arguments:
--   token        of this request
--   fingerprint  of what it submits
--   hold_ms      how long the submission may take
--   deleted      the id of what the submission made and what has been deleted since, '' where that is
--                not known: what was deleted is made again
-- Returns {'new'} where it is the first, again where the first reply was lost; {'job', id} where the
-- same was submitted before; {'other'} where something else was; {'pending'} where the same is just
-- being submitted.
local first = redis.call('HMGET', idempotency, 'token', 'fingerprint', 'job')
if not first[1] then
  redis.call('HSET', idempotency, 'token', token, 'fingerprint', fingerprint)
  redis.call('PEXPIRE', idempotency, hold_ms)
  return {'new'}
end
if first[2] ~= fingerprint then return {'other'} end
if first[3] and first[3] == deleted then
  redis.call('HDEL', idempotency, 'job')
  redis.call('HSET', idempotency, 'token', token)
  redis.call('PEXPIRE', idempotency, hold_ms)
  return {'new'}
end
if first[3] then return {'job', first[3]} end
if first[1] == token then return {'new'} end
return {'pending'}
