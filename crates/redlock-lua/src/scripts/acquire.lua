-- Takes all keys or none. ARGV: value, ttl, then the candidate of a fencing token, how many microseconds it may be ahead and
-- the retention ('' where none is asked for), then the own older values that do not stand in the way.
-- Returns 1, the token, or {place, state} of the first key that blocks.
local fenced = ARGV[3] ~= ''
local locks = fenced and #KEYS / 2 or #KEYS
local own = { [ARGV[1]] = true }
for i = 6, #ARGV do
  own[ARGV[i]] = true
end
local granted, again = {}, true
for place = 1, locks do
  local value = held(KEYS[place])
  if value ~= false and not own[value] then
    return { place, state(KEYS[place]) }
  end
  granted[place] = value == ARGV[1]
  again = again and granted[place]
end
local token, numbers
if fenced then
  numbers = counters(locks)
  local most, failure = highest(locks, numbers)
  if not most then
    return failure
  end
  -- Where this very grant stands already, its token is what the counters hold.
  if not again or most == 0 then
    most = above(most)
  end
  if most >= LIMIT then
    return redis.error_reply('FENCEFULL no token below 2^53 is left')
  end
  token = string.format('%.0f', most)
end
local ttl = tonumber(ARGV[2])
for place = 1, locks do
  local key = KEYS[place]
  -- Where this very grant stands already, it may have been extended since: never shorter than it was.
  local remaining = granted[place] and redis.call('PTTL', key)
  if not remaining or remaining >= 0 and remaining < ttl then
    redis.call('SET', key, ARGV[1], 'PX', ARGV[2])
  end
end
if fenced then
  raise(redis.call, locks, numbers, token, ARGV[5])
end
return token or 1
