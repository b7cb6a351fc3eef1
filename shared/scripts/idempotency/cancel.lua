-- The submission came to nothing: the client may use its key again.
-- KEYS[1] kept         hash: the submission that was first with that key
-- ARGV[1] token        of the request
-- Replies 1, or 0 where the key is another's, or a job's.
local kept = redis.call('HMGET', KEYS[1], 'token', 'job')
if kept[1] ~= ARGV[1] or kept[2] then return 0 end
redis.call('DEL', KEYS[1])
return 1
