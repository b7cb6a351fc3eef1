-- Submits a new job: writes its record and its place in the queue, or neither.
--
-- Keys: record, waiting, turns, work_left, cleanup, index, owners, in_flight, counters
--   idempotency  hash: the first submission with the key; may be missing
-- Arguments:
--   options          (JSON)
--   inputs           (JSON) the keys of its pictures
--   queue_limit      how many jobs may be queued
--   work             how much there is to paint: pixels times iterations
--   caller           who submits; callers take turns
--   lane             0, 1 or 2: a job of a lower lane goes first
--   wait_ms          how long it may be queued before it expires; 0 for no limit
--   total_ms         how long it may wait and be painted in all; 0 for no limit
--   keep             how long it is retained once it is over: milliseconds, 'until_fetched', or '' for
--                    as long as the operator allows
--   owner            whose job it is
--   in_flight_limit  how many jobs of the owner may be queued or running; 0 for any number
--   token            of the request that holds an idempotency key, '' if there is none
--   ttl_ms           how long that key refers to this job
--   webhook_url      the URL that is notified of events of the job, '' for none
--   webhook_events   which, separated by commas, '' for 'finished'
--   origin           the request that submits it, and its trace; '' for neither
--   latest_ms        what `begin_submission` returned
--   warnings         (JSON) of its options and images, '' if there are none
--   pixels           how many the picture will have
--   image_bytes      about how much memory its images need while it is painted; 0 if it is not known
--   written_by       the version of Pastiche that submits it
-- Returns 'queued', also if the first reply was lost; 'full'; 'busy' if the owner has reached the
-- limit; or 'late' if its pictures may have been cleaned up, or it was deleted, because its request has
-- already failed.
if redis.call('EXISTS', record) == 1 then return 'queued' end
local due = redis.call('ZSCORE', cleanup, id)
if tonumber(due or 0) ~= tonumber(latest_ms) or tonumber(due) <= now_ms() then return 'late' end
if redis.call('ZCARD', waiting) >= tonumber(queue_limit) then return 'full' end
local limit = tonumber(in_flight_limit)
if limit > 0 and tonumber(redis.call('HGET', in_flight, owner) or 0) >= limit then return 'busy' end

local turn = next_turn(turns, lane, caller)
redis.call('HSET', turns, lane .. ':' .. caller, turn)
local place = queue_place(lane, turn, redis.call('HINCRBY', turns, 'arrivals', 1))

local now = now_ms()
local listed = string.format('%s:%016.0f:%s', owner, now_us(), id)
redis.call('ZADD', index, 0, listed)
redis.call('HSET', record, 'id', id, 'listed', listed)
enter_state('queued', 'options', options, 'inputs', inputs, 'created_ms', now, 'work', work,
            'caller', caller, 'lane', lane, 'turn', turn, 'place', string.format('%.0f', place),
            'attempt', 0, 'pixels', pixels, 'owner', owner, 'written_by', written_by)
redis.call('HSET', owners, id, owner)
redis.call('HINCRBY', in_flight, owner, 1)
if tonumber(wait_ms) > 0 then redis.call('HSET', record, 'deadline_ms', now + wait_ms) end
if tonumber(total_ms) > 0 then redis.call('HSET', record, 'timeout_ms', now + total_ms) end
if keep ~= '' then redis.call('HSET', record, 'keep', keep) end
redis.call('HSET', work_left, id, work)
redis.call('ZREM', cleanup, id)
if image_bytes ~= '0' then redis.call('HSET', record, 'image_bytes', image_bytes) end
if origin ~= '' then redis.call('HSET', record, 'request_id', origin) end
if warnings ~= '' then redis.call('HSET', record, 'warnings', warnings) end
if webhook_url ~= '' then redis.call('HSET', record, 'webhook_url', webhook_url) end
if webhook_events ~= '' then redis.call('HSET', record, 'webhook_events', webhook_events) end
if token ~= '' and redis.call('HGET', idempotency, 'token') == token then
  redis.call('HSET', idempotency, 'job', id)
  redis.call('PEXPIRE', idempotency, ttl_ms)
  redis.call('HSET', record, 'once', idempotency)
end
count(counters, 'submitted')
enter_queue()
return 'queued'
