/**
 * Lua for scripts that end jobs: what an end means for the jobs of the flow that run after the ended one, in the same
 * atomic step. `next` and `flowName` are fields of its record. Needs the prelude.
 *
 * A job that waits for others has their names in `needs`. When the last of them has succeeded it is queued, with the
 * time of expiry that its index entry has had from the start; when one has not, it has failed, and so have those that
 * run after it. Returns the ids of the queued ones: whoever gets them puts them into BullMQ, else the upkeep does.
 */
export const follow = `
local function fail(other, r, why, now)
  local revision = r[4] + 1
  call('HSET', P .. 'job:' .. other, 'state', 'failed', 'revision', revision, 'endedAt', now, 'error', why)
  call('HDEL', P .. 'job:' .. other, 'needs')
  move(r[2], false, false, r[3], 'waiting', 'failed', now)
  say(false, revision, 'failed')
end
local function release(other, r, name)
  local needs, revision = {}, r[4] + 1
  for need in string.gmatch(r[5], '%S+') do
    if need ~= name then needs[#needs + 1] = need end
  end
  local key = P .. 'job:' .. other
  if #needs > 0 then
    call('HSET', key, 'needs', table.concat(needs, ' '), 'revision', revision)
    say(false, revision, 'waiting')
    return false
  end
  local h = P .. 'host:' .. r[2] .. ':in:'
  local expires = call('ZSCORE', h .. 'waiting', other)
  call('HSET', key, 'state', 'queued', 'revision', revision)
  call('HDEL', key, 'needs')
  call('ZREM', h .. 'waiting', other)
  call('ZADD', h .. 'queued', expires, other)
  say(false, revision, 'queued')
  return true
end
local function because(ended, name, to)
  local err = cjson.decode(call('HGET', P .. 'job:' .. ended, 'error'))
  local verb = to == 'failed' and 'failed' or 'was cancelled'
  return cjson.encode({
    code = 'job.dependency-failed',
    message = 'not run, as job ' .. ended .. ' (' .. name .. ' of its flow) ' .. verb,
    retryable = false,
    causes = { err.message, unpack(err.causes) },
    facts = { job = ended, code = err.code },
  })
end
local function follow(following, name, to, now)
  local self, queued = id, {}
  local why = to ~= 'succeeded' and because(self, name, to)
  local function each(ids, after)
    for other in string.gmatch(ids, '%S+') do
      local r = facts(P .. 'job:' .. other, 'state', 'host', 'submittedAt', 'revision', 'needs', 'flowName', 'next')
      r[4] = tonumber(r[4]) or 0
      if r[1] == 'waiting' and r[5] and sound(r[1], r[2], r[3]) then
        id = other
        if not why then
          if release(other, r, after) then queued[#queued + 1] = other end
        else
          fail(other, r, why, now)
          if r[7] then each(r[7], r[6]) end
        end
      end
    end
  end
  each(following, name)
  id = self
  return queued
end
`;
