-- Put before the scripts about sets of nodes: what stands in the hash, set -> end in ms of the server's clock.

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- {set, remaining, set, remaining, ...} of those whose time is not over, and those whose time is.
local function sets(key, at)
  local live, over = {}, {}
  local all = redis.call('HGETALL', key)
  for i = 1, #all, 2 do
    local remaining = (tonumber(all[i + 1]) or 0) - at
    if remaining > 0 then
      live[#live + 1] = all[i]
      live[#live + 1] = remaining
    else
      over[#over + 1] = all[i]
    end
  end
  return live, over
end
