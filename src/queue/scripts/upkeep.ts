import { prelude } from './prelude.ts';

/**
 * Removes an ended job: record, log, index entries, its idempotency key, its place in its batch or flow, and that
 * itself with its last job. A damaged record is removed with what of this can be told. KEYS[1] record; ARGV 3 its
 * host. Returns 1, or 0 when the job has not ended.
 */
export const forgetScript = `${prelude}
local key = KEYS[1]
local r = facts(key, 'state', 'batch', 'batchIndex', 'idem', 'flow', 'flowName')
local state, batch, index = r[1], r[2], r[3]
if live[state] then return 0 end
local h = P .. 'host:' .. ARGV[3] .. ':'
call('ZREM', h .. 'jobs', id)
for of in pairs(ended) do call('ZREM', h .. 'in:' .. of, id) end
if r[4] then
  local seen = call('GET', r[4])
  if seen and string.match(seen, '(%S+)$') == id then call('DEL', r[4]) end
end
if batch and index then
  local b = P .. 'batch:' .. batch
  call('HDEL', b .. ':jobs', index)
  call('ZREM', b .. ':failed', id)
  if call('HLEN', b .. ':jobs') == 0 then call('DEL', b, b .. ':counts', b .. ':jobs', b .. ':failed') end
end
if r[5] and r[6] then
  local flow = P .. 'flow:' .. r[5]
  call('HDEL', flow, r[6])
  if call('HLEN', flow) == 1 then call('DEL', flow) end
end
call('DEL', key, key .. ':log')
return 1
`;

/**
 * Live jobs of a host whose record is damaged or gone, and those that BullMQ does not have: their producer died between record and queue, or Redis lost
 * the one and not the other. Jobs that wait for others of their flow are not meant to be there. KEYS[1] the host's
 * index of a state; ARGV 2 host, 3 submitted before, 4 first rank, 5 last rank. Returns {entries looked at, ids of
 * those that BullMQ does not have, ids of the damaged}.
 */
export const straysScript = `${prelude}
local strays, damaged = {}, {}
local entries = call('ZRANGE', KEYS[1], ARGV[4], ARGV[5])
for i = 1, #entries do
  local r = facts(P .. 'job:' .. entries[i], 'state', 'host', 'queue', 'submittedAt', 'needs')
  if not sound(r[1], r[2], r[4]) or not r[3] then
    damaged[#damaged + 1] = entries[i]
  elseif not r[5] and tonumber(r[4]) <= tonumber(ARGV[3])
    and call('EXISTS', P .. ARGV[2] .. '.' .. r[3] .. ':' .. entries[i]) == 0 then
    strays[#strays + 1] = entries[i]
  end
end
return { #entries, strays, damaged }
`;

/**
 * Takes a poisoned job out of a BullMQ queue that BullMQ itself cannot read (bullmq-facts, B6) and keeps what
 * it held. KEYS[1] quarantine list; ARGV 2 id, 3 queue name, 4 the note as JSON, 5 notes kept. Returns how many
 * places it was in; when it was in none somebody else has taken it out, and has noted it.
 */
export const evictScript = `${prelude}
local q = P .. ARGV[3] .. ':'
local places = call('LREM', q .. 'active', 0, id) + call('LREM', q .. 'wait', 0, id)
  + call('LREM', q .. 'paused', 0, id) + call('ZREM', q .. 'delayed', id) + call('ZREM', q .. 'prioritized', id)
call('SREM', q .. 'stalled', id)
call('DEL', q .. id, q .. id .. ':lock', q .. id .. ':logs')
if places > 0 then
  call('LPUSH', KEYS[1], ARGV[4])
  call('LTRIM', KEYS[1], 0, tonumber(ARGV[5]) - 1)
end
return places
`;
