-- The submission failed: the client may use its key again.
--
-- Keys:
--   idempotency  hash: the submission that was first with the key
-- Arguments:
--   token  of the request
-- Returns 1, or 0 where the key is another's, or a job's.
local first = redis.call('HMGET', idempotency, 'token', 'job')
if first[1] ~= token or first[2] then return 0 end
redis.call('DEL', idempotency)
return 1
