-- The blobs of a job were cleaned up.
--
-- Keys: cleanup
-- Arguments:
--   due_ms  when that was due: if it is due again later, it is still to be done
-- Returns 1.
local due = redis.call('ZSCORE', cleanup, id)
if due and tonumber(due) <= tonumber(due_ms) then redis.call('ZREM', cleanup, id) end
return 1
