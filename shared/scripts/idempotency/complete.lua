-- From now on the client's key gives what was made of its submission.
-- KEYS[1] kept         hash: the submission that was first with that key
-- ARGV[1] token        of the request
-- ARGV[2] made         the id of what was made
-- ARGV[3] keep_ms      how long the key gives it
-- Replies 1, or 0 where the key is no longer this request's.
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'job', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
