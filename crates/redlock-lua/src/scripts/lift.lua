-- Raises the counters to a token, if all keys hold the value. ARGV: value, token, retention.
-- Returns 1 (mine, and raised), 0 (one is absent, none is another's), -1 (one is another's).
local locks = #KEYS / 2
local mine = ownership(locks, ARGV[1])
if mine ~= 1 then
  return mine
end
local numbers = counters(locks)
local most, failure = highest(locks, numbers)
if not most then
  return failure
end
raise(redis.call, locks, numbers, ARGV[2], ARGV[3])
return 1
