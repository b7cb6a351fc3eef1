-- The blobs of a job were looked through.
-- ARGV[1] id        ARGV[2] due_ms    when that was due: if it is due anew, it stays to be done
local due = redis.call('ZSCORE', debris, ARGV[1])
if due and tonumber(due) <= tonumber(ARGV[2]) then redis.call('ZREM', debris, ARGV[1]) end
return 1
