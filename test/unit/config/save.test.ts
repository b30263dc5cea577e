import assert from 'node:assert/strict';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { loadSettings } from '../../../src/config/load.ts';
import { saveSetting } from '../../../src/config/save.ts';
import { tempDir } from '../../helpers/temp-dir.ts';

describe('saveSetting', () => {
  const values: readonly (readonly [key: string, text: string, read: unknown])[] = [
    ['boot_timeout', '120', 120],
    ['auto_fs_gc', 'no', false],
    ['oci_cache_max_size', '2G', 2 * 1024 ** 3],
    ['default_base_fs', 'debian', 'debian'],
    ['default_base_fs', '12', '12'],
    ['default_output_format', 'json', 'json'],
    ['hardened_drop_caps', 'sys_ptrace,CAP_BPF', 'sys_ptrace,CAP_BPF'],
  ];
  for (const [key, text, read] of values) {
    test(`${key} = ${text} is read back as ${String(read)}`, async () => {
      await using directory = await tempDir();
      const file = `${directory.path}/sdme.conf`;
      await saveSetting(file, key, text);
      assert.deepEqual(Reflect.get(await loadSettings(file, {}), key), read);
      assert.equal((await stat(file)).mode & 0o777, 0o600);
    });
  }

  test('other keys stay, and a value equal to the default takes its key out', async () => {
    await using directory = await tempDir();
    const file = `${directory.path}/sdme.conf`;
    await writeFile(file, 'stop_timeout_kill = 3\n[distros.debian]\nimport_prehook = ["true"]\n');
    await saveSetting(file, 'boot_timeout', '5');
    await saveSetting(file, 'stop_timeout_kill', '15');
    const text = await readFile(file, 'utf8');
    assert.match(text, /^boot_timeout = 5$/m);
    assert.match(text, /^\[distros\.debian\]$/m);
    assert.doesNotMatch(text, /stop_timeout_kill/);
  });

  const refused: readonly (readonly [key: string, text: string, says: RegExp])[] = [
    ['nope', '1', /unknown config key: nope/],
    ['__proto__', '1', /unknown config key/],
    ['auto_fs_gc', 'true', /auto_fs_gc takes yes or no/],
    ['boot_timeout', '-1', /boot_timeout/],
    ['oci_cache_max_size', '2X', /invalid size suffix/],
    ['default_output_format', 'xml', /default_output_format/],
    ['hardened_drop_caps', 'CAP_FLY', /unknown capability: CAP_FLY/],
  ];
  for (const [key, text, says] of refused) {
    test(`${key} = ${text} is refused and the file stays as it is`, async () => {
      await using directory = await tempDir();
      const file = `${directory.path}/sdme.conf`;
      await writeFile(file, 'boot_timeout = 7\n');
      await assert.rejects(saveSetting(file, key, text), says);
      assert.equal(await readFile(file, 'utf8'), 'boot_timeout = 7\n');
    });
  }
});
