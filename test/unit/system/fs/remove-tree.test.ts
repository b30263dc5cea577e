import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SdmeError } from '../../../../src/base/errors.ts';
import { emptyDirectory, removeTree } from '../../../../src/system/fs/remove-tree.ts';
import { tempDir } from '../../../helpers/temp-dir.ts';

test('removes files, links, fifos and directories, and follows no symlink', async () => {
  await using directory = await tempDir();
  const victim = join(directory.path, 'victim');
  mkdirSync(victim);
  writeFileSync(join(victim, 'hello'), 'hello');
  const tree = join(directory.path, 'tree');
  mkdirSync(join(tree, 'a/b'), { recursive: true });
  writeFileSync(join(tree, 'a/file'), 'x');
  symlinkSync(victim, join(tree, 'a/escape'));
  symlinkSync('missing', join(tree, 'dangling'));
  execFileSync('mkfifo', [join(tree, 'fifo')]);
  await removeTree(tree);
  assert.equal(existsSync(tree), false);
  assert.equal(readFileSync(join(victim, 'hello'), 'utf8'), 'hello');
});

test('a symlink in place of the tree goes, its target stays', async () => {
  await using directory = await tempDir();
  mkdirSync(join(directory.path, 'victim/sub'), { recursive: true });
  symlinkSync('victim', join(directory.path, 'tree'));
  await removeTree(join(directory.path, 'tree'));
  assert.deepEqual(readdirSync(directory.path), ['victim']);
  assert.deepEqual(readdirSync(join(directory.path, 'victim')), ['sub']);
});

test('what is not there, or has no parent, is no error', async () => {
  await using directory = await tempDir();
  await removeTree(join(directory.path, 'missing'));
  await removeTree(join(directory.path, 'missing/too'));
});

test('removes a tree of 4000 levels, whose path is longer than the kernel takes', async () => {
  await using directory = await tempDir();
  const tree = join(directory.path, 'deep');
  const script =
    'import os,sys\nos.mkdir(sys.argv[1]);os.chdir(sys.argv[1])\nfor i in range(4000):\n os.mkdir("d"*20);open("f","w").close();os.chdir("d"*20)';
  execFileSync('python3', ['-c', script, tree]);
  await removeTree(tree);
  assert.equal(existsSync(tree), false);
});

test('removes a directory of many entries, subdirectories among them', async () => {
  await using directory = await tempDir();
  const tree = join(directory.path, 'wide');
  for (let i = 0; i < 2000; i += 1) {
    mkdirSync(join(tree, `sub${i}`), { recursive: true });
    writeFileSync(join(tree, `file${i}`), '');
  }
  await removeTree(tree);
  assert.equal(existsSync(tree), false);
});

test('an aborted signal ends it with its reason', async () => {
  await using directory = await tempDir();
  const tree = join(directory.path, 'wide');
  for (let i = 0; i < 5000; i += 1) mkdirSync(join(tree, `sub${i}`), { recursive: true });
  const controller = new AbortController();
  const reason = new SdmeError('job.cancelled', 'cancelled');
  setImmediate(() => controller.abort(reason));
  await assert.rejects(removeTree(tree, { signal: controller.signal }), reason);
  assert.equal(existsSync(tree), true);
});

test('a directory is emptied of names of any bytes, and stays', async () => {
  await using directory = await tempDir();
  const inode = statSync(directory.path).ino;
  const latin1 = Buffer.concat([Buffer.from(`${directory.path}/`), Buffer.from([0xfc, 0x62, 0xff])]);
  writeFileSync(latin1, 'x');
  mkdirSync(join(directory.path, 'größe/sub'), { recursive: true });
  symlinkSync('/etc', join(directory.path, 'link'));
  await emptyDirectory(directory.path);
  assert.deepEqual(readdirSync(directory.path), []);
  assert.equal(statSync(directory.path).ino, inode);
  assert.ok(existsSync('/etc/passwd'));
});
