-- The blobs of a job could not be cleaned up: others are cleaned up first.
--
-- Keys: cleanup
-- Arguments:
--   due_ms    when that was due: if it is due again later, that stays
--   delay_ms  after which it is tried again
-- Returns 1.
local due = redis.call('ZSCORE', cleanup, id)
if due and tonumber(due) <= tonumber(due_ms) then redis.call('ZADD', cleanup, now_ms() + delay_ms, id) end
return 1
