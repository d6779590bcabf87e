-- KEYS: record. ARGV: session id, what the keys of the partition's indexes begin with.
-- Answers 1 if there was a record, 0 if not.
local record = redis.pcall('GET', KEYS[1])
-- Format 1 of a record: from byte 70 on the kind and the length of the subject, which begins where the kind says.
if type(record) == 'string' and #record >= 106 then
  local subject = string.byte(record, 70) == 1 and 155 or 107
  local index = ARGV[2] .. string.sub(record, subject, subject + string.byte(record, 71) - 1)
  -- First, so that nothing has happened yet where a slot on its way to another node forbids it. What else stands under
  -- the index's name must not keep the session alive.
  local removed = redis.pcall('ZREM', index, ARGV[1])
  if type(removed) == 'table' and not string.find(removed.err, 'WRONGTYPE') then
    return removed
  end
end
return redis.call('DEL', KEYS[1])
