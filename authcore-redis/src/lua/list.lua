-- KEYS: index, then keys of records.
-- ARGV: prefix of the keys of records, 1 on a single node and 0 in a Cluster.
-- Returns {1, record, ...}, or {0, session id, ...} if a record seems to be missing: in a Cluster its slot
-- may be moving to another node, and the server says so only about keys that the command names.
local listed = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
local known = {}
for position = 2, #KEYS do
  known[KEYS[position]] = true
end
local now = tonumber(redis.call('TIME')[1])
local answer = {1}
for position = 1, #listed, 2 do
  local key = ARGV[1] .. listed[position]
  local record = redis.call('GET', key)
  if record then
    answer[#answer + 1] = record
  elseif ARGV[2] ~= '1' and not known[key] and tonumber(listed[position + 1]) > now then
    local ids = {0}
    for other = 1, #listed, 2 do
      ids[#ids + 1] = listed[other]
    end
    return ids
  end
end
return answer
