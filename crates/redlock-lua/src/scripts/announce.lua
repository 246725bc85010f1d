-- Writes that a set is in use. ARGV: set, ms. Returns {set, remaining, ...}.
local at = now()
local _, over = sets(KEYS[1], at)
for _, set in ipairs(over) do
  redis.call('HDEL', KEYS[1], set)
end
local till = math.max(at + ARGV[2], tonumber(redis.call('HGET', KEYS[1], ARGV[1])) or 0)
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', till))
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return (sets(KEYS[1], at))
