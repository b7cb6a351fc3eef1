-- Elects one of several processes, which leads as long as it repeats this within the lease.
--
-- Keys:
--   leader  string: the name of the process that leads
-- Arguments:
--   name      of this process
--   lease_ms  how long it leads from now on
-- Returns 1 if this process leads, else 0.
local current = redis.call('GET', leader)
if current and current ~= name then return 0 end
-- A full Redis refuses to write before a script has deleted something. It needs a reconciler the most.
redis.call('DEL', leader)
redis.call('SET', leader, name, 'PX', lease_ms)
return 1
