-- Put before the other scripts.

-- What a key holds: its value, false where it is absent, nil where it is no string.
local function held(key)
  local reply = redis.pcall('GET', key)
  if type(reply) ~= 'table' then
    return reply
  end
  if string.find(reply.err, 'WRONGTYPE', 1, true) then
    return nil
  end
  -- Any other error ends the script, worded by the server: raising a table by error() fails on Redis 6.2.
  return redis.call('GET', key)
end

-- What an observer is told of a key: nothing, {type, remaining, value}, or {type, remaining} where it is no string.
local function state(key)
  local value = held(key)
  if value == false then
    return false
  end
  local remaining = redis.call('PTTL', key)
  if value then
    return { 'string', remaining, value }
  end
  return { redis.call('TYPE', key).ok, remaining }
end
