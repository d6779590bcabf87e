-- KEYS: record. ARGV: session id, prefix of the keys of the partition's indexes.
-- Returns 1 if there was a record, 0 if not.
local record = redis.pcall('GET', KEYS[1])
-- Byte 70 is the kind of credential, which decides where the fixed part ends, and byte 71 the length of the
-- subject. In format 2 the lengths of the realm and of the details follow the fixed part, then the realm and
-- a NUL if there is a realm. The key of the index ends with the realm, the NUL and the subject.
if type(record) == 'string' and #record >= 106 then
  local first, length = string.byte(record, 70) == 1 and 155 or 107, string.byte(record, 71)
  if string.byte(record, 1) == 2 then
    local realm = string.byte(record, first) or 0
    first = first + 3
    length = realm > 0 and realm + 1 + length or length
  end
  local index = ARGV[2] .. string.sub(record, first, first + length - 1)
  -- The first write, so that nothing has changed when the server refuses it because the slot is moving to
  -- another node. A foreign value under the index's key must not keep the session alive.
  local removed = redis.pcall('ZREM', index, ARGV[1])
  if type(removed) == 'table' and not string.find(removed.err, 'WRONGTYPE') then
    return removed
  end
end
return redis.call('DEL', KEYS[1])
