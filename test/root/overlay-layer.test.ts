import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { writeLayer } from '../../src/nspawn/write-layer.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';

/** Shows the merged tree of two layers to a command, in a mount namespace of its own. */
function merged(lower: string, upper: string, work: string, target: string, command: string): string {
  const script = `mount -t overlay o -o lowerdir=${lower},upperdir=${upper},workdir=${work} ${target} && cd ${target} && ${command}`;
  return execFileSync('unshare', ['--mount', 'sh', '-ec', script], { encoding: 'utf8' });
}

describe('writing a layer', { skip }, () => {
  test('the merged tree keeps the shape, modes and owners of the rootfs, and what is hidden is hidden', async () => {
    await using directory = await tempDir();
    const at = (path: string): string => join(directory.path, path);
    for (const path of [
      'lower/usr/lib/sub',
      'lower/etc/systemd/system',
      'lower/var/log',
      'upper',
      'work',
      'm',
    ]) {
      mkdirSync(at(path), { recursive: true });
    }
    symlinkSync('usr/lib', at('lower/lib'));
    symlinkSync('/var', at('lower/absolute'));
    writeFileSync(at('lower/usr/lib/libc'), 'libc');
    writeFileSync(at('lower/var/log/old'), 'old');
    writeFileSync(at('lower/etc/passwd'), 'passwd');
    chmodSync(at('lower/etc'), 0o711);
    chownSync(at('lower/etc/systemd'), 12, 34);

    writeLayer(at('upper'), at('lower'), [
      { kind: 'opaque', path: 'var/log' },
      { kind: 'file', path: 'etc/hostname', mode: 0o644, text: 'web\n' },
      { kind: 'symlink', path: 'etc/systemd/system/x.service', target: '/dev/null' },
      { kind: 'file', path: 'lib/sub/unit', mode: 0o600, text: 'unit' },
      { kind: 'file', path: 'absolute/new/file', mode: 0o644, text: 'deep' },
    ]);

    const see = (command: string): string => merged(at('lower'), at('upper'), at('work'), at('m'), command);
    assert.equal(see('ls -A var/log'), '');
    assert.equal(
      see('cat etc/hostname etc/passwd usr/lib/libc usr/lib/sub/unit var/new/file'),
      'web\npasswdlibcunitdeep',
    );
    assert.equal(see('stat -c %a etc'), '711\n');
    assert.equal(see('stat -c %u:%g etc/systemd'), '12:34\n');
    assert.equal(see('readlink lib'), 'usr/lib\n');
    assert.equal(see('readlink etc/systemd/system/x.service'), '/dev/null\n');
    assert.equal(lstatSync(at('upper/usr/lib/sub/unit')).mode & 0o777, 0o600);
  });

  test('a symlink that leads out of the rootfs leads nowhere', async () => {
    await using directory = await tempDir();
    const at = (path: string): string => join(directory.path, path);
    for (const path of ['lower', 'upper', 'outside']) mkdirSync(at(path));
    symlinkSync(at('outside'), at('lower/etc'));
    symlinkSync('../../outside', at('lower/var'));
    writeLayer(at('upper'), at('lower'), [
      { kind: 'file', path: 'etc/hostname', mode: 0o644, text: 'web\n' },
      { kind: 'opaque', path: 'var/log' },
    ]);
    assert.equal(readFileSync(at('upper/etc/hostname'), 'utf8'), 'web\n');
    assert.deepEqual(execFileSync('ls', ['-A', at('outside')], { encoding: 'utf8' }), '');
  });
});
