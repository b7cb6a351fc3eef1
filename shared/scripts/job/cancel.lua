-- Cancels the job for its client. If no worker paints it, it ends at once; otherwise its worker is
-- requested to end it.
--
-- Keys: record, running
-- Arguments: those of `Retention` (prelude.lua)
-- Returns 'canceled', 'requested', 'finishing' (unchanged: its worker was already requested to commit
-- its picture), 'over' (unchanged) or 'unknown'.
local state = redis.call('HMGET', record, 'status', 'cancel_requested', 'finish_requested')
if not state[1] then return 'unknown' end

local lease_ms = tonumber(redis.call('ZSCORE', running, id) or 0)
if state[1] == 'running' and lease_ms > now_ms() then
  if state[3] then return 'finishing' end
  if not state[2] then update_record('cancel_requested', 1) end
  wake_worker()
  return 'requested'
end
if state[1] == 'queued' or state[1] == 'running' then
  finish_job('canceled')
  return 'canceled'
end
return 'over'
