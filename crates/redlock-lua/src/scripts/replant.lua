-- Sets the absent keys, if every other key holds the value. ARGV: value, ttl, and where the lock is fenced, its token and the
-- retention. Returns 1, or 0 with nothing changed.
local locks = ARGV[3] and #KEYS / 2 or #KEYS
if ownership(locks, ARGV[1]) == -1 then
  return 0
end
for place = 1, locks do
  if held(KEYS[place]) == false then
    redis.call('SET', KEYS[place], ARGV[1], 'PX', ARGV[2])
  end
end
if ARGV[3] then
  raise(redis.pcall, locks, counters(locks), ARGV[3], ARGV[4])
end
return 1
