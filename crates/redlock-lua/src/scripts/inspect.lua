-- Returns the state of each key.
local states = {}
for place, key in ipairs(KEYS) do
  states[place] = state(key)
end
return states
