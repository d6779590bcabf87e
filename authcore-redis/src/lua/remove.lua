-- KEYS: record. ARGV: session id, what the keys of the partition's indexes begin with.
-- Answers 1 if there was a record, 0 if not.
local record = redis.pcall('GET', KEYS[1])
-- From byte 70 on the kind of credential, by which the fixed part ends, and the length of the subject. Format 2 goes on
-- with the lengths of realm and details, then the realm and NUL if there is one. The index's name ends as that does.
if type(record) == 'string' and #record >= 106 then
  local first, length = string.byte(record, 70) == 1 and 155 or 107, string.byte(record, 71)
  if string.byte(record, 1) == 2 then
    local realm = string.byte(record, first) or 0
    first = first + 3
    length = realm > 0 and realm + 1 + length or length
  end
  local index = ARGV[2] .. string.sub(record, first, first + length - 1)
  -- First, so that nothing has happened yet where a slot on its way to another node forbids it. What else stands under
  -- the index's name must not keep the session alive.
  local removed = redis.pcall('ZREM', index, ARGV[1])
  if type(removed) == 'table' and not string.find(removed.err, 'WRONGTYPE') then
    return removed
  end
end
return redis.call('DEL', KEYS[1])
