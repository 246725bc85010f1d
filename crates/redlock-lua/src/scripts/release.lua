-- Deletes each key that holds one of the values. ARGV: the values. Returns {removed, taken by another}.
local own = {}
for _, value in ipairs(ARGV) do
  own[value] = true
end
local removed, taken = 0, 0
for _, key in ipairs(KEYS) do
  local value = held(key)
  if value and own[value] then
    redis.call('DEL', key)
    removed = removed + 1
  elseif value ~= false then
    taken = taken + 1
  end
end
return { removed, taken }
