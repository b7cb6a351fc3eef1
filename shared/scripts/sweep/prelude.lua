-- Precedes every script on a sweep.

-- Deletes a sweep, and its idempotency key. Returns 1, or 0 if the sweep did not exist.
local function delete_sweep(key)
  local is_json, stored = pcall(cjson.decode, redis.call('GET', key) or '')
  local idempotency_key = is_json and type(stored) == 'table' and stored.once or ''
  if idempotency_key ~= '' and redis.call('HGET', idempotency_key, 'job') == stored.id then
    redis.call('DEL', idempotency_key)
  end
  return redis.call('DEL', key)
end
