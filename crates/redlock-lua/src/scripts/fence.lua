-- Put between state.lua and the scripts that know fencing counters. The counters of the keys stand behind them in KEYS, in
-- the same order. A number is read by tonumber and written by string.format, exact below 2^53: tostring and .. print 14 digits.

local LIMIT = 2 ^ 53

-- What a counter holds: 0 where it is absent, nil where it is no number.
local function counter(key)
  local text = held(key)
  if text == false then
    return 0
  end
  return text and string.find(text, '^%d+$') and tonumber(text) or nil
end

-- What the counters behind the first keys hold, by place; nothing for one without a number.
local function counters(locks)
  local numbers = {}
  for place = locks + 1, #KEYS do
    numbers[place] = counter(KEYS[place])
  end
  return numbers
end

-- The highest of these counters; or nil, and the error that there is one without a number.
local function highest(locks, numbers)
  local most = 0
  for place = locks + 1, #KEYS do
    if not numbers[place] then
      return nil, redis.error_reply('WRONGTYPE ' .. KEYS[place] .. ' holds no fencing token')
    end
    most = math.max(most, numbers[place])
  end
  return most
end

-- Raises these counters to the token, and keeps them for the retention from now on at least; one without a number is left
-- alone. With redis.pcall for call, it does what it can.
local function raise(call, locks, numbers, token, retention)
  for place = locks + 1, #KEYS do
    local key = KEYS[place]
    local number, remaining = numbers[place], redis.call('PTTL', key)
    if number and number < tonumber(token) then
      call('SET', key, token, 'PX', string.format('%.0f', math.max(remaining, tonumber(retention))))
    elseif number and remaining < tonumber(retention) then
      redis.call('PEXPIRE', key, retention)
    end
  end
end

-- Whose the first keys are: 1 (all hold the value), 0 (one is absent, none is another's), -1 (one is another's).
local function ownership(locks, value)
  local mine = 1
  for place = 1, locks do
    local found = held(KEYS[place])
    if found == false then
      mine = 0
    elseif found ~= value then
      return -1
    end
  end
  return mine
end
