-- Postpones the cleanup of a job whose blobs could not be deleted: others are cleaned up first.
--
-- Keys: cleanup
-- Arguments:
--   due_ms    when that was due: a cleanup that is due later is not postponed
--   delay_ms  after which it is tried again
-- Returns 1.
local due = redis.call('ZSCORE', cleanup, id)
if due and tonumber(due) <= tonumber(due_ms) then redis.call('ZADD', cleanup, now_ms() + delay_ms, id) end
return 1
