-- One of several leads, for as long as it says so again within the lease.
-- KEYS[1] leader    string: the name of the one that leads
-- ARGV[1] name      ARGV[2] lease_ms
-- Replies 1 where it leads, else 0.
local leader = redis.call('GET', KEYS[1])
if leader and leader ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
