-- Estimates where in the queue a job would come, and how much would be painted before it.
--
-- Keys: waiting, turns, work_left, running (job/prelude.lua)
-- Arguments:
--   lane    as in job/submit.lua
--   caller  as in job/submit.lua
--   exact   as in job/read.lua
-- Returns {rank, work before it}.
local turn = next_turn(turns, lane, caller)
local arrivals = tonumber(redis.call('HGET', turns, 'arrivals') or 0)
local rank = redis.call('ZCOUNT', waiting, '-inf',
                        string.format('(%.0f', queue_place(lane, turn, arrivals + 1)))
return {rank, tostring(work_before(rank, waiting, running, work_left, exact))}
