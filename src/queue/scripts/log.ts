import { prelude } from './prelude.ts';

/**
 * Appends log lines and drops the oldest beyond the cap. KEYS[1] record, KEYS[2] list; ARGV 3 tag of this
 * write, 4 lines kept, 5… lines as JSON. A write whose tag is the last one's is a repetition and changes
 * nothing. Returns the number of lines ever written, or -1 when the job is gone.
 */
export const appendLogScript = `${prelude}
local key = KEYS[1]
local r = facts(key, 'state', 'host', 'batch', 'revision', 'logTag', 'logLines')
if not r[1] or not r[2] then return -1 end
if r[5] == ARGV[3] then return tonumber(r[6]) end
for i = 5, #ARGV do call('RPUSH', KEYS[2], ARGV[i]) end
call('LTRIM', KEYS[2], -tonumber(ARGV[4]), -1)
call('HSET', key, 'logTag', ARGV[3])
local lines = call('HINCRBY', key, 'logLines', #ARGV - 4)
say(r[3], r[4], r[1])
return lines
`;

/**
 * Log lines from an offset on, in one atomic look. KEYS[1] record, KEYS[2] list; ARGV 3 offset, 4 most lines.
 * Returns {lines ever written, offset of the first one returned, lines…, state}, or {-1}.
 */
export const readLogScript = `${prelude}
local r = facts(KEYS[1], 'state', 'logLines')
if not r[1] then return { -1, 0, {}, '' } end
local written = tonumber(r[2]) or 0
local kept = redis.pcall('LLEN', KEYS[2])
if type(kept) ~= 'number' then return { written, written, {}, r[1] } end
local oldest = written - kept
local from = math.max(tonumber(ARGV[3]), oldest)
local lines = call('LRANGE', KEYS[2], from - oldest, from - oldest + tonumber(ARGV[4]) - 1)
return { written, from, lines, r[1] }
`;
