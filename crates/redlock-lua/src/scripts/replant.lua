-- Sets the absent keys, if every other key holds the value. ARGV: value, ttl. Returns 1, or 0 with nothing changed.
local absent = {}
for _, key in ipairs(KEYS) do
  local value = held(key)
  if value == false then
    absent[#absent + 1] = key
  elseif value ~= ARGV[1] then
    return 0
  end
end
for _, key in ipairs(absent) do
  redis.call('SET', key, ARGV[1], 'PX', ARGV[2])
end
return 1
