-- Where in the queue a job would come, and how much would be painted before it.
-- KEYS[1] waiting   KEYS[2] turns     KEYS[3] work      KEYS[4] running   as in job/prelude.lua
-- ARGV[1] lane      ARGV[2] caller    ARGV[3] exact     as in job/submit.lua and job/look.lua
-- Replies {rank, work before it}.
local waiting, turns, work, running = unpack(KEYS)
local turn = next_turn(turns, ARGV[1], ARGV[2])
local arrivals = tonumber(redis.call('HGET', turns, 'arrivals') or 0)
local rank = redis.call('ZCOUNT', waiting, '-inf',
                        string.format('(%.0f', place_of(ARGV[1], turn, arrivals + 1)))
return {rank, tostring(work_before(rank, waiting, running, work, ARGV[3]))}
