-- KEYS: index. ARGV: record's key, session id, time to live in ms, record.
-- Answers 1 if the record was written, 0 if the key is taken.
if redis.call('EXISTS', ARGV[1]) == 1 then
  return 0
end
-- An error if something else stands there, before anything is written.
redis.call('ZCARD', KEYS[1])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ends = string.format('%.0f', now + ARGV[3])
-- First of all writes, since it is the first one that a full memory refuses.
redis.call('SET', ARGV[1], ARGV[4], 'PXAT', ends)
-- The index counts in whole seconds, rounded up, which takes less room.
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', math.floor(now / 1000)))
redis.call('ZADD', KEYS[1], string.format('%.0f', math.ceil(ends / 1000)), ARGV[2])
redis.call('EXPIREAT', KEYS[1], redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2])
return 1
