import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  type Attributes,
  ensureDirIn,
  existsIn,
  kindIn,
  kindInNoFollow,
  listIn,
  readFileIn,
  readLinkIn,
  removeIn,
  symlinkIn,
  writeFileIn,
} from '../../../../src/system/fs/beneath.ts';
import { tempDir } from '../../../helpers/temp-dir.ts';

/** The owner who runs the tests, so that they need no root. */
const mine: Attributes = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

/** A tree `root` with links of every kind to the directory `victim` outside. */
async function withTree(work: (root: string, victim: string) => void | Promise<void>): Promise<void> {
  await using directory = await tempDir();
  const root = join(directory.path, 'root');
  const victim = join(directory.path, 'victim');
  mkdirSync(join(root, 'etc'), { recursive: true });
  mkdirSync(victim);
  writeFileSync(join(victim, 'hello'), 'hello');
  symlinkSync(victim, join(root, 'absolute'));
  symlinkSync('../../../../../../..'.concat(victim), join(root, 'etc/climb'));
  symlinkSync('../victim', join(root, 'up'));
  symlinkSync('loop', join(root, 'loop'));
  await work(root, victim);
  assert.deepEqual(readdirSync(victim), ['hello']);
  assert.equal(readFileSync(join(victim, 'hello'), 'utf8'), 'hello');
}

test('B18 reads and questions through links to outside find nothing', () =>
  withTree((root) => {
    for (const path of [
      'absolute/hello',
      'etc/climb/hello',
      'up/hello',
      'loop',
      'loop/x',
      '../victim/hello',
    ]) {
      assert.equal(readFileIn(root, path, 100), undefined, path);
      assert.equal(existsIn(root, path), false, path);
      assert.equal(removeIn(root, path === 'loop' ? 'nothing' : path), false, path);
    }
    assert.equal(kindIn(root, 'absolute'), undefined);
    assert.equal(kindInNoFollow(root, 'absolute'), 'symlink');
    assert.equal(listIn(root, 'absolute'), undefined);
  }));

test('B18 writes through links to outside are refused', () =>
  withTree((root) => {
    for (const path of ['absolute/new', 'up/new', 'loop/new', 'etc/climb/new']) {
      assert.throws(() => writeFileIn(root, path, 'x', mine), { code: 'syscall' }, path);
      assert.throws(() => symlinkIn(root, path, 'x'), { code: 'syscall' }, path);
      assert.throws(() => ensureDirIn(root, path, mine), { code: 'syscall' }, path);
    }
  }));

test('a file is written in place of a link of its name, whose target stays', () =>
  withTree((root, victim) => {
    symlinkSync(join(victim, 'hello'), join(root, 'etc/resolv.conf'));
    writeFileIn(root, 'etc/resolv.conf', 'nameserver ::1\n', { ...mine, mode: 0o640 });
    assert.equal(readFileSync(join(root, 'etc/resolv.conf'), 'utf8'), 'nameserver ::1\n');
    assert.equal(lstatSync(join(root, 'etc/resolv.conf')).mode, 0o100640);
    assert.deepEqual(listIn(root, 'etc'), ['climb', 'resolv.conf']);
  }));

test('what is renamed elsewhere meanwhile does not keep a link with .. from being followed', () =>
  withTree(async (root) => {
    mkdirSync(join(root, 'usr'));
    writeFileSync(join(root, 'usr/os-release'), 'ID=x');
    symlinkSync('../usr/os-release', join(root, 'etc/os-release'));
    await using elsewhere = await tempDir();
    const renaming = `
      const { renameSync, writeFileSync } = require('node:fs');
      writeFileSync('a', '');
      console.log('ready');
      for (;;) { renameSync('a', 'b'); renameSync('b', 'a'); }`;
    const child = spawn(process.execPath, ['-e', renaming], { cwd: elsewhere.path });
    try {
      await once(child.stdout, 'data');
      for (let round = 0; round < 20_000; round += 1)
        assert.equal(readFileIn(root, 'etc/os-release', 100)?.toString(), 'ID=x');
    } finally {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  }));

test('links inside the root are followed as from its top', () =>
  withTree((root) => {
    mkdirSync(join(root, 'usr/lib'), { recursive: true });
    symlinkSync('/usr/lib', join(root, 'lib'));
    assert.equal(ensureDirIn(root, '/lib/a/b', { ...mine, mode: 0o750 }), true);
    assert.equal(ensureDirIn(root, '/lib/a/b', mine), false);
    assert.equal(statSync(join(root, 'usr/lib/a/b')).mode & 0o7777, 0o750);
    writeFileIn(root, 'lib/a/b/c', 'text', mine);
    assert.equal(readFileIn(root, '/lib/a/../a/b/c', 4)?.toString(), 'text');
    symlinkIn(root, 'lib/a/link', 'b');
    symlinkIn(root, 'lib/a/link', '/usr');
    assert.equal(readlinkSync(join(root, 'usr/lib/a/link')), '/usr');
    assert.equal(readLinkIn(root, 'lib/a/link'), '/usr');
    assert.equal(readLinkIn(root, 'lib/a/b'), undefined);
    assert.equal(removeIn(root, 'lib/a/link'), true);
  }));

test('H7 a fifo, a directory and a file over the limit are refused, and nothing waits', () =>
  withTree((root) => {
    execFileSync('mkfifo', [join(root, 'etc/passwd')]);
    assert.throws(() => readFileIn(root, 'etc/passwd', 100), { code: 'io', message: /not a regular file/ });
    assert.throws(() => readFileIn(root, 'etc', 100), { code: 'io' });
    writeFileSync(join(root, 'etc/group'), 'x'.repeat(101));
    assert.throws(() => readFileIn(root, 'etc/group', 100), { code: 'io', message: /larger than 100 bytes/ });
    assert.equal(readFileIn(root, 'etc/group', 101)?.length, 101);
  }));

test('a write over a directory is refused and leaves no temporary file', () =>
  withTree((root) => {
    mkdirSync(join(root, 'etc/hosts'));
    assert.throws(() => writeFileIn(root, 'etc/hosts', 'x', mine), { code: 'syscall' });
    assert.deepEqual(listIn(root, 'etc'), ['climb', 'hosts']);
  }));
