-- Deletes a job in any state. A worker that still paints it finds out at its next heartbeat.
--
-- Keys: record, cleanup
--   idempotency  hash: the submission that may refer to this job; may be missing
-- Arguments:
--   grace_ms  after which none of its workers writes any more
-- Returns 1, or 0 if the job did not exist.
local existed = redis.call('EXISTS', record)
delete_record()
redis.call('ZADD', cleanup, now_ms() + grace_ms, id)
if idempotency and redis.call('HGET', idempotency, 'job') == id then
  redis.call('DEL', idempotency)
end
wake_worker()
return existed
