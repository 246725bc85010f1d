-- Put before the scripts that ask which run answers: the process, and its part in the replication.
local function present()
  local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
  local history = string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)')
  if run and history then
    return string.format('%s.%s', run, history)
  end
  return run
end
