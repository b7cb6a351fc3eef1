-- The worker lives: its lease is renewed, what it has to tell is written, and it hears what the
-- client asks.
-- ARGV[1] id        ARGV[2] fence     the claim that the worker holds
-- ARGV[3] lease_ms  ARGV[4] reweighed how many changes of the weights the worker knows of
-- ARGV[5] left      how much there is left to paint, '' where that is not known
-- ARGV[6] iterations          that were painted since the beat before
-- ARGV[7…] fields and values to write, none where there is nothing new
-- Replies {'ok'}, {'ok', reweighed, options (JSON)} where the weights have changed, {'cancel'} or
-- {'finish'} where the client asked for it, or {'lost'} where the claim is not held.
local id = ARGV[1]
local state = redis.call('HMGET', record, 'status', 'fence', 'cancel_requested', 'reweighed',
                         'finish_requested')
if state[1] ~= 'running' or state[2] ~= ARGV[2] then return {'lost'} end

redis.call('ZADD', running, now_ms() + ARGV[3], id)
if ARGV[5] ~= '' then
  count(counters, 'work', math.max(0, left_of(id) - ARGV[5]))
  redis.call('HSET', work, id, ARGV[5])
end
if ARGV[6] ~= '0' then count(counters, 'iterations', ARGV[6]) end
if #ARGV > 6 then change(unpack(ARGV, 7)) end
if state[3] then return {'cancel'} end
if state[5] then return {'finish'} end
if state[4] and state[4] ~= ARGV[4] then
  return {'ok', state[4], redis.call('HGET', record, 'options')}
end
return {'ok'}
