-- KEYS: record, index. ARGV: session id, time to live in ms, record, expected version as its eight bytes.
-- Returns 1 if the record was written, 0 if the stored record has another version, -1 if there is none, -2 if
-- the stored value is not a record.
local head = redis.call('GETRANGE', KEYS[1], 0, 8)
if #head < 9 then
  return redis.call('EXISTS', KEYS[1]) == 0 and -1 or -2
end
if string.sub(head, 2) ~= ARGV[4] then
  return 0
end
-- Fails if the key holds another type, before anything is written.
redis.call('ZCARD', KEYS[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ends = string.format('%.0f', now + ARGV[2])
-- The first write: the server checks its memory limit only until a script has written something.
redis.call('SET', KEYS[1], ARGV[3], 'PXAT', ends)
-- The index has whole seconds, rounded up, which take less memory.
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', string.format('%.0f', math.floor(now / 1000)))
redis.call('ZADD', KEYS[2], string.format('%.0f', math.ceil(ends / 1000)), ARGV[1])
redis.call('EXPIREAT', KEYS[2], redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')[2])
return 1
