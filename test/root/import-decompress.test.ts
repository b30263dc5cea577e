import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { SdmeError } from '../../src/base/errors.ts';
import { openPlain, openPlainPipe } from '../../src/rootfs/decompress.ts';
import { rootMissing } from '../helpers/import-store.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { waitFor } from '../helpers/wait-for.ts';

const skip = rootMissing() ?? false;
const never = new AbortController().signal;
const content = Buffer.concat([randomBytes(200_000), Buffer.alloc(500_000, 'text ')]);

async function compressed(dir: string, program: string): Promise<string> {
  await writeFile(join(dir, 'plain'), content, { flag: 'w' });
  const file = join(dir, `plain.${program}`);
  const plain = program === 'none';
  await writeFile(
    file,
    plain ? content : execFileSync(program, ['-c', join(dir, 'plain')], { maxBuffer: 1e8 }),
  );
  return file;
}

const isDamage = (error: unknown): boolean => error instanceof SdmeError && error.code === 'unpack.format';

for (const [compression, program] of [
  ['none', 'none'],
  ['gzip', 'gzip'],
  ['zstd', 'zstd'],
  ['bzip2', 'bzip2'],
  ['xz', 'xz'],
] as const) {
  test(`the plain bytes of ${compression} are read, and a file that is cut short is noticed`, {
    skip,
  }, async () => {
    await using dir = await tempDir();
    const file = await compressed(dir.path, program);
    {
      await using plain = await openPlain(file, compression, never);
      assert.deepEqual(await buffer(plain.stream), content);
      await plain.check();
    }
    if (compression === 'none') return;
    await truncate(file, (await readFile(file)).length - 100);
    await using plain = await openPlain(file, compression, never);
    await assert.rejects(async () => {
      await buffer(plain.stream);
      await plain.check();
    });
    await assert.rejects(plain.check(), isDamage);
  });
}

for (const program of ['bzip2', 'xz'] as const) {
  test(`a pipe gives the plain bytes of ${program} and leaves no name behind`, { skip }, async () => {
    await using dir = await tempDir();
    const file = await compressed(dir.path, program);
    await using room = await tempDir();
    await using pipe = await openPlainPipe(file, program, room.path, never);
    assert.deepEqual(await readdir(room.path), []);
    assert.deepEqual(await buffer(pipe.handle.createReadStream({ autoClose: false })), content);
    await pipe.check();
  });
}

test('a decompressor runs as nobody and ends when its reader goes', { skip }, async () => {
  await using dir = await tempDir();
  const file = await compressed(dir.path, 'xz');
  {
    await using pipe = await openPlainPipe(file, 'xz', dir.path, never);
    const ps = ['--ppid', String(process.pid), '-o', 'uid=,comm='];
    const runsAsNobody = (): boolean => /65534 +xz/.test(execFileSync('ps', ps, { encoding: 'utf8' }));
    await waitFor('xz, as nobody', runsAsNobody);
    await pipe.handle.read(Buffer.alloc(10), 0, 10);
  }
  const left = execFileSync('ps', ['--ppid', String(process.pid), '-o', 'comm='], { encoding: 'utf8' });
  assert.doesNotMatch(left, /xz/);
});

test('cancel ends a decompressor', { skip }, async () => {
  await using dir = await tempDir();
  const file = await compressed(dir.path, 'xz');
  const stop = new AbortController();
  await using pipe = await openPlainPipe(file, 'xz', dir.path, stop.signal);
  stop.abort(new SdmeError('job.cancelled', 'cancelled'));
  await assert.rejects(pipe.check(), /cancelled/);
});

test('the output of a decompressor that ends before it is read is all there', { skip }, async () => {
  await using dir = await tempDir();
  const file = join(dir.path, 'small.xz');
  await writeFile(file, execFileSync('xz', ['-c'], { input: 'short' }));
  await using plain = await openPlain(file, 'xz', never);
  await plain.check();
  assert.equal((await buffer(plain.stream)).toString(), 'short');
});
