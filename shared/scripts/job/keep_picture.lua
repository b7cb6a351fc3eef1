-- A job that was stopped gets a result: its last preview, which was written under this key.
-- ARGV[1] id        ARGV[2] result_key
-- Replies 'ok', or 'lost' where it is not over, or has a result: then nothing has changed.
local state = redis.call('HMGET', record, 'finished_ms', 'result_key')
if not state[1] or state[2] then return 'lost' end

-- From now on it is kept as those are that have a picture: see `finish`.
for _, key in ipairs({kept, kept .. ':' .. owner_of(ARGV[1])}) do
  local rank = redis.call('ZSCORE', key, ARGV[1])
  if rank then redis.call('ZADD', key, 'XX', tonumber(rank) + 1e13, ARGV[1]) end
end
change('result_key', ARGV[2])
return 'ok'
