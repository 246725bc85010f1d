-- Reads a value that fencing tokens protect. KEYS: a hash with the fields token and value. ARGV: the reader's token.
-- Returns {1} or {1, value}; {0, token} where a greater one has been here, and nothing was done.
local seen = redis.call('HGET', KEYS[1], 'token')
if seen and tonumber(seen) > tonumber(ARGV[1]) then
  return { 0, seen }
end
redis.call('HSET', KEYS[1], 'token', ARGV[1])
local value = redis.call('HGET', KEYS[1], 'value')
return value and { 1, value } or { 1 }
