-- Prolongs all keys, if all hold the value. ARGV: value, ttl, and where the lock is fenced, its token and the retention.
-- Returns 1 (mine), 0 (one is absent, none is another's), -1 (one is another's).
local locks = ARGV[3] and #KEYS / 2 or #KEYS
local mine = ownership(locks, ARGV[1])
if mine ~= 1 then
  return mine
end
local ttl = tonumber(ARGV[2])
for place = 1, locks do
  local remaining = redis.call('PTTL', KEYS[place])
  -- Never shorter than it was (PEXPIRE ... GT needs Redis 7); a key without an expiry answers -1 and stays without.
  -- PEXPIRE rather than SET: it runs on a node that is out of memory.
  if remaining >= 0 and remaining < ttl then
    redis.call('PEXPIRE', KEYS[place], ARGV[2])
  end
end
if ARGV[3] then
  -- Behind the keys: a counter that cannot be written must not cost the lease.
  raise(redis.pcall, locks, counters(locks), ARGV[3], ARGV[4])
end
return 1
