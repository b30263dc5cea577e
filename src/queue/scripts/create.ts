/** Lua for scripts that make jobs. Writes the record of job `id` and its index entries. Needs the prelude. */
export const create = `
local function create(host, now, batch, state, score, fields)
  call('HSET', P .. 'job:' .. id, 'state', state, 'revision', '1', unpack(fields))
  local h = P .. 'host:' .. host .. ':'
  call('ZADD', h .. 'jobs', now, id)
  call('ZADD', h .. 'in:' .. state, score, id)
  call('SADD', P .. 'hosts', host)
  say(batch, 1, state)
end
`;
