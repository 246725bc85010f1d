-- Takes all keys or none. ARGV: value, ttl, then the own older values that do not stand in the way.
-- Returns 1, or {place, state} of the first key that blocks.
local own = { [ARGV[1]] = true }
for i = 3, #ARGV do
  own[ARGV[i]] = true
end
local granted = {}
for place, key in ipairs(KEYS) do
  local value = held(key)
  if value ~= false and not own[value] then
    return { place, state(key) }
  end
  granted[place] = value == ARGV[1]
end
local ttl = tonumber(ARGV[2])
for place, key in ipairs(KEYS) do
  -- Where this very grant stands already, it may have been extended since: never shorter than it was.
  local remaining = granted[place] and redis.call('PTTL', key)
  if not remaining or remaining >= 0 and remaining < ttl then
    redis.call('SET', key, ARGV[1], 'PX', ARGV[2])
  end
end
return 1
