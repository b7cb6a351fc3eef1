-- Notes that the blobs of a job were cleaned up.
--
-- Keys: cleanup
-- Arguments:
--   due_ms  when that was due: a cleanup that is due later still has to be done
-- Returns 1.
local due = redis.call('ZSCORE', cleanup, id)
if due and tonumber(due) <= tonumber(due_ms) then redis.call('ZREM', cleanup, id) end
return 1
