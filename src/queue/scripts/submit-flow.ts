import { create } from './create.ts';
import { prelude } from './prelude.ts';

/**
 * Creates all jobs of a flow, or finds the flow that is there already. Atomic: there is never a part of a flow.
 *
 * KEYS[1] the flow; ARGV 3 digest of what was asked for, 4 host, 5 now, then for each job: id, name, state, expiresAt,
 * number of fields, and as many pairs of field and value.
 * Returns {'created'}, or {'existing'|'mismatch', name, id, …} with the jobs that are there.
 */
export const submitFlowScript = `${prelude}${create}
local key, digest, host, now = KEYS[1], ARGV[3], ARGV[4], ARGV[5]
local seen = call('HGETALL', key)
if #seen > 0 then
  local answer, before = {}, nil
  for i = 1, #seen, 2 do
    if seen[i] == '.digest' then
      before = seen[i + 1]
    else
      answer[#answer + 1] = seen[i]
      answer[#answer + 1] = seen[i + 1]
    end
  end
  table.insert(answer, 1, before == digest and 'existing' or 'mismatch')
  return answer
end
call('HSET', key, '.digest', digest)
local at = 6
while at <= #ARGV do
  id = ARGV[at]
  local fields, last = {}, at + 4 + 2 * tonumber(ARGV[at + 4])
  for i = at + 5, last do fields[#fields + 1] = ARGV[i] end
  call('HSET', key, ARGV[at + 1], id)
  create(host, now, false, ARGV[at + 2], ARGV[at + 3], fields)
  at = last + 1
end
return { 'created' }
`;
