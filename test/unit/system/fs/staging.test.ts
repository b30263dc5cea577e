import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeStaging, removeByStaging } from '../../../../src/system/fs/staging.ts';
import { clearStaleStaging, listStaging } from '../../../../src/system/fs/stale-staging.ts';
import { tempDir } from '../../../helpers/temp-dir.ts';

/** The pid of a process that has ended. */
function deadPid(): number {
  return spawnSync('true').pid;
}

test('staging is private, lies beside its final place and is renamed into it', async () => {
  await using directory = await tempDir();
  const final = join(directory.path, 'debian');
  {
    await using staging = await makeStaging(final, 'import');
    assert.equal(staging.path, join(directory.path, `.debian.import-txn-${process.pid}`));
    assert.equal(statSync(staging.path).mode & 0o7777, 0o700);
    writeFileSync(join(staging.path, 'x'), 'new');
    await staging.commit();
  }
  assert.equal(readFileSync(join(final, 'x'), 'utf8'), 'new');
  assert.deepEqual(readdirSync(directory.path), ['debian']);
});

test('what was not committed is removed', async () => {
  await using directory = await tempDir();
  {
    await using staging = await makeStaging(join(directory.path, 'debian'), 'import');
    writeFileSync(join(staging.path, 'x'), 'new');
  }
  assert.deepEqual(readdirSync(directory.path), []);
});

test('a commit replaces only when asked to, and then removes what was there', async () => {
  await using directory = await tempDir();
  const final = join(directory.path, 'debian');
  mkdirSync(final);
  writeFileSync(join(final, 'x'), 'old');
  {
    await using staging = await makeStaging(final, 'import');
    writeFileSync(join(staging.path, 'x'), 'new');
    await assert.rejects(staging.commit(), { code: 'exists' });
    assert.equal(readFileSync(join(final, 'x'), 'utf8'), 'old');
    await staging.commit({ replace: true });
    assert.equal(readFileSync(join(final, 'x'), 'utf8'), 'new');
  }
  assert.deepEqual(readdirSync(directory.path), ['debian']);
});

test('staging of a living process is not stale, also not for its own process', async () => {
  await using directory = await tempDir();
  const final = join(directory.path, 'debian');
  await using staging = await makeStaging(final, 'import');
  utimesSync(staging.path, 0, 0);
  assert.deepEqual(await clearStaleStaging(directory.path), []);
  assert.equal((await listStaging(directory.path))[0]?.stale, false);
  await assert.rejects(makeStaging(final, 'import'), { code: 'lock.busy' });
  assert.equal(existsSync(staging.path), true);
});

test('staging whose pid is dead is stale and is cleared, for one name or for all', async () => {
  await using directory = await tempDir();
  const pid = deadPid();
  for (const file of [`.a.import-txn-${pid}`, `.b.build-txn-${pid}`, '.a.meta', '.c.import-txn-x', 'a']) {
    mkdirSync(join(directory.path, file));
  }
  assert.deepEqual(await clearStaleStaging(directory.path, { name: 'a' }), [`.a.import-txn-${pid}`]);
  assert.deepEqual(await clearStaleStaging(directory.path), [`.b.build-txn-${pid}`]);
  assert.deepEqual(readdirSync(directory.path).sort(), ['.a.meta', '.c.import-txn-x', 'a']);
  assert.deepEqual(await listStaging(join(directory.path, 'missing')), []);
});

test('staging that an earlier process of the same pid left is taken over empty', async () => {
  await using directory = await tempDir();
  const left = join(directory.path, `.debian.import-txn-${process.pid}`);
  mkdirSync(left);
  writeFileSync(join(left, 'x'), 'left');
  await using staging = await makeStaging(join(directory.path, 'debian'), 'import');
  assert.deepEqual(readdirSync(staging.path), []);
});

test('removal by staging leaves nothing, and a missing path is no error', async () => {
  await using directory = await tempDir();
  const final = join(directory.path, 'debian');
  mkdirSync(join(final, 'etc'), { recursive: true });
  await removeByStaging(final);
  await removeByStaging(final);
  assert.deepEqual(readdirSync(directory.path), []);
});
