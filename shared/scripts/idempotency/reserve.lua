-- Reserves an idempotency key for a submission, so that a client that submits twice gets one job.
--
-- Keys:
--   idempotency  hash: the first submission with the key
-- Arguments:
--   token        of this request
--   fingerprint  of what it submits
--   hold_ms      how long the submission may take
--   deleted      the id of the job of this key if it is known to be deleted, else ''. Then it is
--                submitted again
-- Returns {'new'} for the first submission, also if the first reply was lost; {'job', id} if the same
-- was submitted before; {'other'} if something else was; {'pending'} if the same is being submitted.
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
