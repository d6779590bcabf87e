-- KEYS: index. ARGV: key of the record, session id, time to live in ms, record.
-- Returns 1 if the record was written, 0 if the key exists.
if redis.call('EXISTS', ARGV[1]) == 1 then
  return 0
end
-- Fails if the key holds another type, before anything is written.
redis.call('ZCARD', KEYS[1])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ends = string.format('%.0f', now + ARGV[3])
-- The first write: the server checks its memory limit only until a script has written something.
redis.call('SET', ARGV[1], ARGV[4], 'PXAT', ends)
-- The index has whole seconds, rounded up, which take less memory.
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', math.floor(now / 1000)))
redis.call('ZADD', KEYS[1], string.format('%.0f', math.ceil(ends / 1000)), ARGV[2])
redis.call('EXPIREAT', KEYS[1], redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2])
return 1
