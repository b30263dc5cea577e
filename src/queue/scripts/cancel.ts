import { prelude } from './prelude.ts';

/**
 * Leaves the durable mark that a job shall end, and nudges its worker. A job that no worker holds is cancelled
 * at once, as nothing of it exists; the worker refuses to begin it should it be on its way there.
 *
 * KEYS[1] record; ARGV 3 now, 4 the error record of a cancelled job as JSON.
 * Returns {state after, host, queue} or {'', '', ''} when there is no such job.
 */
export const cancelScript = `${prelude}
local key, now = KEYS[1], ARGV[3]
local r = call('HMGET', key, 'state', 'host', 'queue', 'batch', 'batchIndex', 'submittedAt', 'held', 'revision')
local state = r[1]
if not state then return { '', '', '' } end
if not ended[state] then
  local to = r[7] == '1' and 'cancelling' or 'cancelled'
  if state ~= to then
    local revision = (tonumber(r[8]) or 0) + 1
    call('HSETNX', key, 'cancelRequestedAt', now)
    call('HSET', key, 'state', to, 'revision', revision)
    call('HDEL', key, 'waitingFor')
    if to == 'cancelled' then call('HSET', key, 'endedAt', now, 'error', ARGV[4]) end
    move(r[2], r[5] and r[4] or false, r[5], r[6], state, to, now)
    say(r[2], r[4], revision, to)
    state = to
  end
  call('PUBLISH', P .. 'cancel:' .. r[2], id)
end
return { state, r[2], r[3] }
`;
