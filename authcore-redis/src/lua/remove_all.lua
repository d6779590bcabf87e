-- KEYS: index, then keys of records.
-- ARGV: prefix of the keys of records, 1 on a single node and 0 in a Cluster, session id to keep or an empty
-- string.
-- Returns {1, id of a removed session, ...}, or {0, session id, ...} as list.lua does, without any effect.
local listed = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
local known = {}
for position = 2, #KEYS do
  known[KEYS[position]] = true
end
local now = tonumber(redis.call('TIME')[1])
local taken, answer = {}, {1}
for position = 1, #listed, 2 do
  local key = ARGV[1] .. listed[position]
  if listed[position] == ARGV[3] then
    -- The session is kept, and so is its entry.
  elseif redis.call('EXISTS', key) == 1 then
    taken[#taken + 1] = key
    answer[#answer + 1] = listed[position]
  elseif ARGV[2] ~= '1' and not known[key] and tonumber(listed[position + 1]) > now then
    local ids = {0}
    for other = 1, #listed, 2 do
      ids[#ids + 1] = listed[other]
    end
    return ids
  end
end
local kept = ARGV[3] ~= '' and redis.call('ZSCORE', KEYS[1], ARGV[3])
redis.call('DEL', KEYS[1])
if kept then
  redis.call('ZADD', KEYS[1], kept, ARGV[3])
  redis.call('EXPIREAT', KEYS[1], kept)
end
for _, key in ipairs(taken) do
  redis.call('DEL', key)
end
return answer
