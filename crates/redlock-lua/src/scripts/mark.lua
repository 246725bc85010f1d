-- Writes the marker of a member, which nobody claims any more. ARGV: run, node, max_ttl, durability.
-- Returns {run, node, max_ttl, durability} as they stand now, or nothing where the server is another run.
-- A user without INFO is never told a run, and so never comes here.
local run = present()
if run ~= ARGV[1] then
  return false
end
local longest = tonumber(redis.call('HGET', KEYS[1], 'max_ttl') or 0)
if not longest or longest < tonumber(ARGV[3]) then
  redis.call('HSET', KEYS[1], 'max_ttl', ARGV[3])
end
redis.call('HSETNX', KEYS[1], 'node_id', ARGV[2])
redis.call('HSET', KEYS[1], 'run_id', run, 'durability', ARGV[4])
redis.call('DEL', KEYS[2])
return redis.call('HMGET', KEYS[1], 'run_id', 'node_id', 'max_ttl', 'durability')
