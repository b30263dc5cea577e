import { create } from './create.ts';
import { prelude } from './prelude.ts';

/**
 * Creates a job's record, or finds the one that is there already. Atomic: two producers with one idempotency
 * key cannot both create (bullmq-facts, users' list no. 9).
 *
 * KEYS[1] record; ARGV 3 host, 4 now, 5 expiresAt, 6 idempotency key or '', 7 argument digest, 8 batch or '',
 * 9 index in it, 10 id of the job of the batch that this one replaces or '', 11 parent or '', 12 the field of the
 * parent's record that keeps its child, 13… fields and values.
 * Returns {'created'|'existing'|'mismatch', job id}.
 */
export const submitScript = `${prelude}${create}
local key, host, now, idem, digest = KEYS[1], ARGV[3], ARGV[4], ARGV[6], ARGV[7]
local batch, index, replaces = ARGV[8], ARGV[9], ARGV[10]
if call('EXISTS', key) == 1 then return { 'existing', id } end
if idem ~= '' then
  local seen = call('GET', idem)
  if seen then
    local before, other = string.match(seen, '^(%S+) (%S+)$')
    if other and call('EXISTS', P .. 'job:' .. other) == 1 then
      if before ~= digest then return { 'mismatch', other } end
      return { 'existing', other }
    end
  end
end
local counts = P .. 'batch:' .. batch .. ':counts'
if batch ~= '' then
  local members = P .. 'batch:' .. batch .. ':jobs'
  local member = call('HGET', members, index)
  if member and member ~= replaces then return { 'existing', member } end
  call('HSET', members, index, id)
  if member then
    local old = facts(P .. 'job:' .. member, 'state', 'bytesDone', 'bytesTotal')
    if live[old[1]] or ended[old[1]] then
      call('HINCRBY', counts, old[1], -1)
      call('HINCRBY', counts, 'bytesDone', string.format('%.0f', 0 - (tonumber(old[2]) or 0)))
      call('HINCRBY', counts, 'bytesTotal', string.format('%.0f', 0 - (tonumber(old[3]) or 0)))
      call('HDEL', P .. 'job:' .. member, 'batchIndex')
    end
    call('ZREM', P .. 'batch:' .. batch .. ':failed', member)
  end
  call('HINCRBY', counts, 'queued', 1)
end
if idem ~= '' then call('SET', idem, digest .. ' ' .. id) end
local fields = {}
for i = 13, #ARGV do fields[#fields + 1] = ARGV[i] end
create(host, now, batch ~= '' and batch or false, 'queued', ARGV[5], fields)
if ARGV[11] ~= '' then call('HSET', P .. 'job:' .. ARGV[11], ARGV[12], id) end
return { 'created', id }
`;
