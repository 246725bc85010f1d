-- Takes all keys or none. ARGV: value, ttl, then the own older values that do not stand in the way.
-- Returns 1, or {place, state} of the first key that blocks.
local own = { [ARGV[1]] = true }
for i = 3, #ARGV do
  own[ARGV[i]] = true
end
for place, key in ipairs(KEYS) do
  local value = held(key)
  if value ~= false and not own[value] then
    return { place, state(key) }
  end
end
for _, key in ipairs(KEYS) do
  redis.call('SET', key, ARGV[1], 'PX', ARGV[2])
end
return 1
