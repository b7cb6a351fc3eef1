-- The client wants no more of a job: it ends at once where nobody paints it, else it is asked to.
-- ARGV[1] id        ARGV[2…5] keeping    as `keeping_from` in job/prelude.lua has it
-- Replies 'canceled', 'asked', 'finishing' (unchanged: its worker was asked to commit its picture
-- before), 'over' (unchanged) or 'unknown'.
local id = ARGV[1]
local state = redis.call('HMGET', record, 'status', 'cancel_requested', 'finish_requested')
if not state[1] then return 'unknown' end

local lease_ms = tonumber(redis.call('ZSCORE', running, id) or 0)
if state[1] == 'running' and lease_ms > now_ms() then
  if state[3] then return 'finishing' end
  if not state[2] then change('cancel_requested', 1) end
  wake(id)
  return 'asked'
end
if state[1] == 'queued' or state[1] == 'running' then
  finish(id, 'canceled', keeping_from(2))
  return 'canceled'
end
return 'over'
