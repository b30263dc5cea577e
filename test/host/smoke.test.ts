import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { outsideTestHost } from '../helpers/container-host.ts';
import { debianImage } from '../helpers/debian-image.ts';

const run = promisify(execFile);
const output = async (program: string, ...args: string[]): Promise<string> =>
  (await run(program, args)).stdout.trim();

describe('the test host', { skip: outsideTestHost() }, () => {
  test('runs systemd as PID 1, without failed units, and machined answers', async () => {
    assert.equal(await output('systemctl', 'is-system-running'), 'running');
    assert.equal(await output('machinectl', 'list', '--no-legend'), '');
  });

  test('runs the checkout with the Node.js that set-up brought', async () => {
    const { dependencies } = JSON.parse(await readFile('package.json', 'utf8'));
    assert.equal(process.versions.node, dependencies.node);
  });

  test('has a network of its own with loopback only', async () => {
    assert.match(await output('ip', '-oneline', 'link', 'show'), /^1: lo:.*\bUP\b[^\n]*$/);
  });

  test('keeps the kernel settings of the machine out of reach', async () => {
    await assert.rejects(writeFile('/proc/sys/kernel/hostname', 'x'), { code: 'EROFS' });
  });

  test('mounts an overlay in the data directory over a Debian tree', async () => {
    const { root } = await debianImage();
    const dir = await mkdtemp('/var/lib/sdme/smoke-');
    const [upper, work, merged] = ['upper', 'work', 'merged'].map((name) => join(dir, name));
    assert.ok(upper !== undefined && work !== undefined && merged !== undefined);
    for (const path of [upper, work, merged]) await mkdir(path);
    const options = `lowerdir=${root},upperdir=${upper},workdir=${work}`;
    await run('mount', ['-t', 'overlay', 'overlay', '-o', options, merged]);
    try {
      await writeFile(join(merged, 'etc/hostname'), 'changed\n');
      assert.equal(await readFile(join(upper, 'etc/hostname'), 'utf8'), 'changed\n');
      assert.equal(await readFile(join(root, 'etc/hostname'), 'utf8'), 'debian\n');
    } finally {
      await run('umount', [merged]);
      await rm(dir, { recursive: true });
    }
  });
});
