-- Notes that a client is about to declare the deployment new, or that it has given that up. ARGV: run, claimant, 1 or 0.
-- Returns 1 where it is so; 0 where the server is another run, or its marker names the present one.
if ARGV[3] == '0' then
  redis.call('HDEL', KEYS[2], ARGV[2])
  return 1
end
local run = present()
if run ~= ARGV[1] or redis.call('HGET', KEYS[1], 'run_id') == run then
  return 0
end
-- What was claimed of an earlier run concerns nobody.
local claims = redis.call('HGETALL', KEYS[2])
for i = 1, #claims, 2 do
  if claims[i + 1] ~= run then
    redis.call('HDEL', KEYS[2], claims[i])
  end
end
redis.call('HSET', KEYS[2], ARGV[2], run)
return 1
