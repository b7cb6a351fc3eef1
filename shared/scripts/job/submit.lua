-- A new job: its record and its place in the queue, or neither.
-- ARGV[1] id            ARGV[2] options (JSON)
-- ARGV[3] inputs (JSON) the keys of its pictures
-- ARGV[4] queue_limit   how many may wait
-- ARGV[5] work          how much there is to paint: pixels times iterations
-- ARGV[6] caller        who asks
-- ARGV[7] lane          0, 1 or 2: a job of a lower lane goes first
-- ARGV[8] wait_ms       how long it may wait before it expires; 0 for ever
-- ARGV[9] owner         whose job it is
-- ARGV[10] most         how many of the owner's may wait or run; 0 for any number
-- ARGV[11] token        of the request that holds an idempotency key, '' where there is none
-- ARGV[12] keep_ms      how long that key gives this job
-- ARGV[13] webhook_url  what is told when the job is over, '' where nothing is
-- ARGV[14] request_id   of the request that submits it, and the trace that it is in; '' for neither
-- ARGV[15] latest_ms   what `begin` replied
-- ARGV[16] warnings (JSON) of its options and images, '' where there are none
-- ARGV[17] pixels       how many the picture will have
-- ARGV[18] image_bytes  about what the images that it is made from take while it is painted;
--                       0 where that is not known
-- KEYS[15] kept         hash: the submission that was first with the key; none where there is none
-- Replies 'queued', again where the first reply was lost; 'full'; 'busy' where the owner has as many
-- as may be; or 'late' where its pictures may have been taken for debris, or were erased already: by
-- its own client, which was told in the meantime that nothing came of it.
local id = ARGV[1]
if redis.call('EXISTS', record) == 1 then return 'queued' end
local due = redis.call('ZSCORE', debris, id)
if tonumber(due or 0) ~= tonumber(ARGV[15]) or tonumber(due) <= now_ms() then return 'late' end
if redis.call('ZCARD', waiting) >= tonumber(ARGV[4]) then return 'full' end
local owner, most = ARGV[9], tonumber(ARGV[10])
if most > 0 and tonumber(redis.call('HGET', inflight, owner) or 0) >= most then return 'busy' end

local lane, caller = ARGV[7], ARGV[6]
local turn = next_turn(turns, lane, caller)
redis.call('HSET', turns, lane .. ':' .. caller, turn)
local place = place_of(lane, turn, redis.call('HINCRBY', turns, 'arrivals', 1))

local now = now_ms()
change('id', id, 'status', 'queued', 'options', ARGV[2], 'inputs', ARGV[3], 'created_ms', now,
       'work', ARGV[5], 'caller', caller, 'lane', lane, 'turn', turn,
       'place', string.format('%.0f', place), 'attempt', 0, 'pixels', ARGV[17], 'owner', owner)
local listed = string.format('%s:%016.0f:%s', owner, now_us(), id)
redis.call('HSET', record, 'listed', listed)
redis.call('ZADD', index, 0, listed)
redis.call('HSET', owners, id, owner)
redis.call('HINCRBY', inflight, owner, 1)
if tonumber(ARGV[8]) > 0 then redis.call('HSET', record, 'deadline_ms', now + ARGV[8]) end
redis.call('HSET', work, id, ARGV[5])
redis.call('ZREM', debris, id)
if ARGV[18] ~= '0' then redis.call('HSET', record, 'image_bytes', ARGV[18]) end
if ARGV[14] ~= '' then redis.call('HSET', record, 'request_id', ARGV[14]) end
if ARGV[16] ~= '' then redis.call('HSET', record, 'warnings', ARGV[16]) end
if ARGV[13] ~= '' then redis.call('HSET', record, 'webhook_url', ARGV[13]) end
if ARGV[11] ~= '' and redis.call('HGET', KEYS[15], 'token') == ARGV[11] then
  redis.call('HSET', KEYS[15], 'job', id)
  redis.call('PEXPIRE', KEYS[15], ARGV[12])
  redis.call('HSET', record, 'once', KEYS[15])
end
count(counters, 'submitted')
enter_queue(id)
return 'queued'
