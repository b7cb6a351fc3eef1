-- Queues a job again, at its old place: the worker cannot paint it, but another may.
--
-- Keys: record, running
-- Arguments:
--   fence       the claim that the worker holds
--   code        of the failure
--   lost_limit  after how many failed attempts in a row without progress the job is not queued again
--   fields      fields and values to write, if there are any
-- Returns 1, or 0 if the claim is not held, the client has canceled the job, or too many attempts have
-- failed: then nothing has changed.
local state = redis.call('HMGET', record, 'status', 'fence', 'cancel_requested')
if state[1] ~= 'running' or state[2] ~= fence or state[3] then return 0 end
if count_failed_attempts(read_work_left()) >= tonumber(lost_limit) then return 0 end
redis.call('ZREM', running, id) -- a full Redis refuses to write before something is deleted
if #fields > 0 then redis.call('HSET', record, unpack(fields)) end
note_failed_attempt(code)
requeue_job()
return 1
