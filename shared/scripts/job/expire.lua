-- Ends a queued job that no worker claimed in time.
--
-- Keys: record, deadlines
-- Arguments: those of `Retention` (prelude.lua), and
--   timed_out_detail  the sentence for that error
-- Returns 'expired' past its deadline, 'timed_out', or 'unchanged' if it is not queued or may still
-- wait.
local latest, outcome = find_latest_start()
if redis.call('HGET', record, 'status') ~= 'queued' or latest == math.huge then
  redis.call('ZREM', deadlines, id)
  return 'unchanged'
end
if latest > now_ms() then return 'unchanged' end
if outcome == 'expired' then
  finish_job('expired')
else
  finish_job('failed', 'error_code', 'timed_out', 'error_detail', timed_out_detail)
end
return outcome
