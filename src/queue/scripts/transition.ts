import { type JobState, jobStates } from '../../contracts/index.ts';
import { statesBefore } from '../states.ts';
import { follow } from './follow.ts';
import { prelude } from './prelude.ts';

/** States in the form in which the script looks for one. */
export function stateList(states: readonly JobState[]): string {
  return `,${states.join(',')},`;
}

/** The table of moves as the script has it. */
const before = jobStates.map((to) => `${to} = '${stateList(statesBefore(to))}'`).join(', ');

/**
 * Moves jobs from one of the allowed states to another, each with changes of other fields in the same step. Many
 * jobs in one call: what moves together travels together, and is flushed to disk together.
 *
 * KEYS[1] record of the first; ARGV 3 now, then for each job: id, the new state, allowed states as `,a,b,` or ''
 * for those of the table, token of the delivery or '', number of changes, and as many triples of operation, field, value: `s` set; `n` set if
 * absent and `d` delete, of the fields in `known`.
 * A call that repeats itself (ioredis sends again what a broken connection left unanswered) changes nothing:
 * the same delivery in the same state. Only `waiting` may repeat, as its reason changes.
 * An end deletes `held` and `waitingFor` by itself.
 * Returns for each {1 done | 0 refused | -1 no such job or a damaged record, state, revision, cancelRequestedAt or ''}, of which the usual
 * answer, done and no cancel asked for, is the revision alone; of an ended job that others of its flow run after also
 * the list of those that are queued thereby.
 */
export const transitionScript = `${prelude}${follow}
local now = ARGV[3]
local before = { ${before} }
local function change(at, to, from, token, count)
  local key = P .. 'job:' .. id
  local r = facts(key, 'state', 'host', 'batch', 'batchIndex', 'submittedAt', 'run', 'bytesDone',
    'bytesTotal', 'revision', 'cancelRequestedAt', 'startedAt', 'held', 'waitingFor', 'flowName', 'next')
  local state, revision, asked = r[1], tonumber(r[9]) or 0, r[10] or ''
  if not sound(state, r[2], r[5]) then return { -1, '', 0, '' } end
  if token ~= '' and r[6] == token and state == to and to ~= 'waiting' then return { 1, state, revision, asked } end
  if from == '' then from = before[to] end
  if not string.find(from, ',' .. state .. ',', 1, true) then return { 0, state, revision, asked } end
  local known = { startedAt = r[11], held = r[12], waitingFor = r[13] }
  local batch = r[4] and r[3]
  revision = revision + 1
  local set, removed, n = { 'state', to, 'revision', revision }, nil, 4
  local done, total = nil, nil
  for i = at, at + 3 * count - 1, 3 do
    local op, field, value = ARGV[i], ARGV[i + 1], ARGV[i + 2]
    if op == 's' or op == 'n' and not known[field] then
      set[n + 1] = field
      set[n + 2] = value
      n = n + 2
      if field == 'bytesDone' then done = value elseif field == 'bytesTotal' then total = value end
    elseif op == 'd' and known[field] then
      removed = { field }
    end
  end
  if token ~= '' then
    set[n + 1] = 'run'
    set[n + 2] = token
    n = n + 2
  end
  if ended[to] then
    set[n + 1] = 'endedAt'
    set[n + 2] = now
    removed = (r[12] or r[13]) and { 'held', 'waitingFor' }
  end
  call('HSET', key, unpack(set))
  if removed then call('HDEL', key, unpack(removed)) end
  if done and total then bytes(batch, r[7], r[8], done, total) end
  if state ~= to then move(r[2], batch, r[4], r[5], state, to, now) end
  say(r[3], revision, to)
  if r[15] and ended[to] then return { 1, to, revision, asked, follow(r[15], r[14], to, now) } end
  return asked == '' and revision or { 1, to, revision, asked }
end
local answers, at = {}, 4
while at <= #ARGV do
  id = ARGV[at]
  local count = tonumber(ARGV[at + 4])
  answers[#answers + 1] = change(at + 5, ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], count)
  at = at + 5 + 3 * count
end
return answers
`;
