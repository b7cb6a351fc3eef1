-- Releases the idempotency key of a submission that failed: the client may use it again.
--
-- Keys:
--   idempotency  hash: the first submission with the key
-- Arguments:
--   token  of the request
-- Returns 1, or 0 if another request holds the key, or it refers to a job.
local first = redis.call('HMGET', idempotency, 'token', 'job')
if first[1] ~= token or first[2] then return 0 end
redis.call('DEL', idempotency)
return 1
