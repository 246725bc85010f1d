-- Put before acquire.lua and all that it needs: one absent key with a fencing token, which is nearly every fenced acquire, at
-- two thirds of the cost. It writes nothing unless it takes the key, and what it leaves to acquire.lua is decided there as if it
-- had not been.

-- The number of a new grant, where the counters hold `most`: the candidate, or what it may be at the most by this node's clock.
local function above(most)
  local time = redis.call('TIME')
  local latest = time[1] * 1000000 + time[2] + ARGV[4]
  return math.max(most + 1, math.min(tonumber(ARGV[3]), latest))
end

if #KEYS == 2 and ARGV[3] ~= '' then
  local counter = redis.pcall('GET', KEYS[2])
  local most = not counter and 0 or type(counter) == 'string' and string.find(counter, '^%d+$') and tonumber(counter)
  if most and most + 1 < 2 ^ 53 and redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
    local token, retention = string.format('%.0f', above(most)), ARGV[5]
    if counter then
      local remaining = redis.call('PTTL', KEYS[2])
      if remaining > tonumber(retention) then
        retention = string.format('%.0f', remaining)
      end
    end
    redis.call('SET', KEYS[2], token, 'PX', retention)
    return token
  end
end
