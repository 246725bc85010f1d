-- Prolongs all keys, if all hold the value. ARGV: value, ttl.
-- Returns 1 (mine), 0 (one is absent, none is another's), -1 (one is another's).
local absent = false
for _, key in ipairs(KEYS) do
  local value = held(key)
  if value == false then
    absent = true
  elseif value ~= ARGV[1] then
    return -1
  end
end
if absent then
  return 0
end
local ttl = tonumber(ARGV[2])
for _, key in ipairs(KEYS) do
  local remaining = redis.call('PTTL', key)
  -- Never shorter than it was (PEXPIRE ... GT needs Redis 7); a key without an expiry answers -1 and stays without.
  -- PEXPIRE rather than SET: it runs on a node that is out of memory.
  if remaining >= 0 and remaining < ttl then
    redis.call('PEXPIRE', key, ARGV[2])
  end
end
return 1
