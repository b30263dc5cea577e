import { prelude } from './prelude.ts';

/**
 * Replaces the snapshot of a live job's progress. KEYS[1] record; ARGV 3 snapshot as JSON, 4 bytes done,
 * 5 bytes in all. Returns 1, or 0 when the job has ended or is gone.
 */
export const progressScript = `${prelude}
local key = KEYS[1]
local r = facts(key, 'state', 'host', 'batch', 'batchIndex', 'bytesDone', 'bytesTotal')
if not r[1] or not r[2] or ended[r[1]] then return 0 end
bytes(r[4] and r[3] or false, r[5], r[6], ARGV[4], ARGV[5])
call('HSET', key, 'progress', ARGV[3], 'bytesDone', ARGV[4], 'bytesTotal', ARGV[5])
say(r[3], call('HINCRBY', key, 'revision', 1), r[1])
return 1
`;
