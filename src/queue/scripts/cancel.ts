import { follow } from './follow.ts';
import { prelude } from './prelude.ts';

/** What a withdrawn job's data become in BullMQ, so that a worker that is handed it knows. */
export const withdrawnData = 'withdrawn';

/**
 * A job is in a worker's hands once BullMQ has handed it out (it has a lock) or its record says so. Otherwise
 * nothing of it exists, and it can be ended here: in the same atomic step its data in BullMQ are replaced, so
 * that a worker that is handed it a moment later drops it.
 */
const hands = `
local function inHand(host, queue, held)
  return held == '1' or call('EXISTS', P .. host .. '.' .. queue .. ':' .. id .. ':lock') == 1
end
local function withdraw(host, queue)
  local bull = P .. host .. '.' .. queue .. ':' .. id
  if call('EXISTS', bull) == 1 then call('HSET', bull, 'data', '"${withdrawnData}"') end
end
`;

/**
 * Leaves the durable mark that a job shall end, and nudges its worker. A job that no worker has in hand is
 * cancelled at once, and the jobs of its flow that run after it have failed.
 *
 * KEYS[1] record; ARGV 3 now, 4 the error record of a cancelled job as JSON.
 * Returns {state after, host, queue} or {'', '', ''} when there is no such job or its record is damaged.
 */
export const cancelScript = `${prelude}${follow}${hands}
local key, now = KEYS[1], ARGV[3]
local r = facts(key, 'state', 'host', 'queue', 'batch', 'batchIndex', 'submittedAt', 'held', 'revision',
  'flowName', 'next')
local state = r[1]
if not sound(state, r[2], r[6]) or not r[3] then return { '', '', '' } end
if not ended[state] then
  local to = inHand(r[2], r[3], r[7]) and 'cancelling' or 'cancelled'
  if state ~= to then
    local revision = (tonumber(r[8]) or 0) + 1
    call('HSETNX', key, 'cancelRequestedAt', now)
    call('HSET', key, 'state', to, 'revision', revision)
    call('HDEL', key, 'waitingFor', 'needs')
    if to == 'cancelled' then
      call('HSET', key, 'endedAt', now, 'error', ARGV[4])
      withdraw(r[2], r[3])
    end
    move(r[2], r[5] and r[4] or false, r[5], r[6], state, to, now)
    say(r[4], revision, to)
    if to == 'cancelled' and r[10] then follow(r[10], r[9], to, now) end
    state = to
  end
  call('PUBLISH', P .. 'cancel:' .. r[2], id)
end
return { state, r[2], r[3] }
`;

/**
 * Fails a job that no worker has begun, e.g. because it waited too long. KEYS[1] record; ARGV 3 now, 4 the error
 * record as JSON. Returns 1, or 0 when a worker has it in hand, has begun it before, or it has ended.
 */
export const giveUpScript = `${prelude}${follow}${hands}
local key, now = KEYS[1], ARGV[3]
local r = facts(key, 'state', 'host', 'queue', 'batch', 'batchIndex', 'submittedAt', 'held', 'revision',
  'startedAt', 'flowName', 'next')
if r[1] ~= 'queued' or not sound(r[1], r[2], r[6]) or not r[3] or r[9] or inHand(r[2], r[3], r[7]) then return 0 end
local revision = (tonumber(r[8]) or 0) + 1
call('HSET', key, 'state', 'failed', 'revision', revision, 'endedAt', now, 'error', ARGV[4])
withdraw(r[2], r[3])
move(r[2], r[5] and r[4] or false, r[5], r[6], 'queued', 'failed', now)
say(r[4], revision, 'failed')
if r[11] then follow(r[11], r[10], 'failed', now) end
return 1
`;
