import { follow } from './follow.ts';
import { prelude } from './prelude.ts';

/**
 * Sets a live job aside whose record is damaged or gone: in its place is left that of a failed job, with what of the
 * old can be told, and the jobs of its flow that run after it have failed. Otherwise it would be looked at for ever,
 * and the worker would never be idle.
 *
 * KEYS[1] record, KEYS[2] quarantine list; ARGV 3 host and 4 state in whose index it was found, 5 now, 6 when it
 * was submitted, as far as is known, 7 the error record as JSON, 8 a note about what it held as JSON, 9 notes kept.
 * Returns 1, or 0 when the record is not damaged.
 */
export const mendScript = `${prelude}${follow}
local key, host, from, now = KEYS[1], ARGV[3], ARGV[4], ARGV[5]
if not call('ZSCORE', P .. 'host:' .. host .. ':in:' .. from, id) then return 0 end
local r = facts(key, 'state', 'host', 'submittedAt', 'queue', 'batch', 'batchIndex', 'revision', 'flowName', 'next')
if sound(r[1], r[2], r[3]) and r[4] then return 0 end
if call('TYPE', key).ok ~= 'hash' then call('DEL', key) end
local submitted = tonumber(r[3]) and r[3] or ARGV[6]
local revision = (tonumber(r[7]) or 0) + 1
call('HSET', key, 'state', 'failed', 'host', host, 'submittedAt', submitted, 'revision', revision, 'endedAt', now,
  'error', ARGV[7])
for name, value in pairs({ kind = '?', subject = '?', queue = 'bulk', attempts = 1 }) do
  call('HSETNX', key, name, value)
end
call('HDEL', key, 'needs', 'waitingFor', 'held')
local index = tonumber(r[6]) and r[6] or false
local batch = index and r[5]
move(host, batch, index, submitted, from, 'failed', now)
say(batch, revision, 'failed')
if r[8] and r[9] then follow(r[9], r[8], 'failed', now) end
call('LPUSH', KEYS[2], ARGV[8])
call('LTRIM', KEYS[2], 0, tonumber(ARGV[9]) - 1)
return 1
`;
