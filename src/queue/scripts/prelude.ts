/**
 * Lua shared by all scripts. ARGV[1] is the key prefix with its colon, ARGV[2] the job id. All keys lie on one
 * slot by their hash tag, so building them here from the prefix is safe in a cluster too.
 *
 * - `facts` reads fields of a record: none when something of another type lies in its place, which must not keep a
 *   script from the other records it is about. `sound` says whether a record's place is known; what has lost it is
 *   changed by nobody but `mend`.
 * - `say` publishes the hint; a PUBLISH writes nothing to the append-only file.
 * - `move` keeps the indexes and the batch's counts in the same atomic step as the state. A job that is queued
 *   again has been taken once and does not expire any more.
 * - `bytes` keeps the batch's sums of bytes when a job's change.
 */
export const prelude = `
local call = redis.call
local P, id = ARGV[1], ARGV[2]
local ended = { succeeded = true, failed = true, cancelled = true }
local live = { queued = true, waiting = true, running = true, cancelling = true }
local function facts(key, ...)
  local r = redis.pcall('HMGET', key, ...)
  return r.err and {} or r
end
local function sound(state, host, submitted)
  return (live[state] or ended[state]) and host and tonumber(submitted)
end
local function say(batch, revision, state)
  local text = id .. ' ' .. revision .. ' ' .. state
  call('PUBLISH', P .. 'hint:job:' .. id, text)
  if batch then call('PUBLISH', P .. 'hint:batch:' .. batch, text) end
end
local function move(host, batch, index, submitted, from, to, now)
  local h = P .. 'host:' .. host .. ':in:'
  call('ZREM', h .. from, id)
  call('ZADD', h .. to, ended[to] and now or to == 'queued' and 'inf' or submitted, id)
  if batch then
    call('HINCRBY', P .. 'batch:' .. batch .. ':counts', from, -1)
    call('HINCRBY', P .. 'batch:' .. batch .. ':counts', to, 1)
    if to == 'failed' then call('ZADD', P .. 'batch:' .. batch .. ':failed', index, id) end
  end
end
local function bytes(batch, doneBefore, totalBefore, done, total)
  if not batch then return end
  local counts = P .. 'batch:' .. batch .. ':counts'
  local d = tonumber(done) - (tonumber(doneBefore) or 0)
  local t = tonumber(total) - (tonumber(totalBefore) or 0)
  if d ~= 0 then call('HINCRBY', counts, 'bytesDone', string.format('%.0f', d)) end
  if t ~= 0 then call('HINCRBY', counts, 'bytesTotal', string.format('%.0f', t)) end
end
`;
