import { prelude } from './prelude.ts';

/**
 * Moves a job from one of the allowed states to another, with changes of other fields in the same step.
 *
 * KEYS[1] record; ARGV 3 now, 4 the new state, 5 allowed states as `,a,b,`, 6 token of the delivery or '',
 * 7… triples of operation, field, value: `s` set, `n` set if absent, `d` delete, `i` add.
 * A call that repeats itself (ioredis sends again what a broken connection left unanswered) changes nothing:
 * the same delivery in the same state. Only `waiting` may repeat, as its reason changes.
 * Returns {1 done | 0 refused | -1 no such job, state, revision, cancelRequestedAt or '', attempt, crashes}.
 */
export const transitionScript = `${prelude}
local key, now, to, token = KEYS[1], ARGV[3], ARGV[4], ARGV[6]
local r = call('HMGET', key, 'state', 'host', 'batch', 'batchIndex', 'submittedAt', 'run', 'bytesDone',
  'bytesTotal', 'revision', 'cancelRequestedAt', 'attempt', 'crashes')
local state = r[1]
if not state then return { -1, '', 0, '', 0, 0 } end
local function answer(code, s, revision)
  return { code, s, tonumber(revision), r[10] or '', tonumber(r[11]) or 0, tonumber(r[12]) or 0 }
end
if token ~= '' and r[6] == token and state == to and to ~= 'waiting' then return answer(1, state, r[9]) end
if not string.find(ARGV[5], ',' .. state .. ',', 1, true) then return answer(0, state, r[9]) end
local batch = r[4] and r[3] or false
local revision = (tonumber(r[9]) or 0) + 1
local set, removed = { 'state', to, 'revision', revision }, {}
local done, total = nil, nil
for i = 7, #ARGV, 3 do
  local op, field, value = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  if op == 's' then
    set[#set + 1] = field
    set[#set + 1] = value
    if field == 'bytesDone' then done = value end
    if field == 'bytesTotal' then total = value end
  elseif op == 'd' then
    removed[#removed + 1] = field
  elseif op == 'n' then
    call('HSETNX', key, field, value)
  elseif op == 'i' then
    local n = call('HINCRBY', key, field, value)
    if field == 'attempt' then r[11] = n end
    if field == 'crashes' then r[12] = n end
  end
end
if token ~= '' then
  set[#set + 1] = 'run'
  set[#set + 1] = token
end
if ended[to] then
  set[#set + 1] = 'endedAt'
  set[#set + 1] = now
end
call('HSET', key, unpack(set))
if #removed > 0 then call('HDEL', key, unpack(removed)) end
if done and total then bytes(batch, r[7], r[8], done, total) end
if state ~= to then move(r[2], batch, r[4], r[5], state, to, now) end
say(r[2], r[3], revision, to)
return answer(1, to, revision)
`;
