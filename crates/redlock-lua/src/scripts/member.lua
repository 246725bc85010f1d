-- Changes nothing. Returns {{run, node, max_ttl, durability}, {set, remaining, ...}, {claimed run, ...}}.
local marker = redis.call('HMGET', KEYS[1], 'run_id', 'node_id', 'max_ttl', 'durability')
return { marker, (sets(KEYS[2], now())), redis.call('HVALS', KEYS[3]) }
