-- Set before every script on a sweep.

-- A sweep goes, and the idempotency key that gives it. Replies 1, or 0 where there was no such sweep.
local function forget_sweep(sweep)
  local found, kept = pcall(cjson.decode, redis.call('GET', sweep) or '')
  local once = found and type(kept) == 'table' and kept.once or ''
  if once ~= '' and redis.call('HGET', once, 'job') == kept.id then redis.call('DEL', once) end
  return redis.call('DEL', sweep)
end
