-- Put before the scripts that ask which run answers: the process, and its part in the replication. A server without either id
-- is none that was described.
local function present()
  local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
  local history = string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)')
  return run and history and run .. '.' .. history or run
end
