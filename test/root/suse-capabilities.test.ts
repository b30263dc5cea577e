import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { detachedContext } from '../../src/base/context.ts';
import { parseSettings } from '../../src/config/load.ts';
import { distroCommands } from '../../src/rootfs/distros.ts';
import { runInTree } from '../../src/rootfs/prepare/chroot.ts';
import { rootMissing } from '../helpers/import-store.ts';
import { makeSmallTree } from '../helpers/small-tree.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const skip = rootMissing() ?? false;
const environment = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };

/** `security.capability` in revision 2, effective, with one permitted capability (linux/capability.h). */
function effective(capability: number): Buffer {
  const value = Buffer.alloc(20);
  value.writeUInt32LE(0x02000001, 0);
  value.writeUInt32LE(1 << capability, 4);
  return value;
}

const cap = { setgid: 6, setuid: 7 } as const;

function capabilityOf(path: string): Buffer | undefined {
  try {
    return execFileSync(
      'getfattr',
      ['--absolute-names', '--only-values', '-n', 'security.capability', path],
      {
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    );
  } catch {
    return undefined;
  }
}

test('openSUSE: import strips the capabilities of newuidmap and newgidmap, both exports restore them', {
  skip,
}, async () => {
  await using directory = await tempDir();
  const tree = join(directory.path, 'tree');
  await makeSmallTree(tree, ['setcap']);
  for (const name of ['proc', 'sys', 'dev', 'usr/bin']) mkdirSync(join(tree, name), { recursive: true });
  const files = ['newuidmap', 'newgidmap'].map((name) => join(tree, 'usr/bin', name));
  const [newuidmap = '', newgidmap = ''] = files;
  for (const file of files) writeFileSync(file, '', { mode: 0o755 });
  const commands = distroCommands('suse', parseSettings({}, 'x'));
  // What needs openSUSE's mirrors is left out.
  const run = async (hook: readonly string[]): Promise<void> => {
    for (const command of hook.filter((line) => !line.startsWith('zypper'))) {
      await runInTree(detachedContext(), tree, command, environment);
    }
  };
  const shown = (): (Buffer | undefined)[] => files.map(capabilityOf);
  const whole = [effective(cap.setuid), effective(cap.setgid)];

  await run(commands.import_prehook);
  assert.deepEqual(shown(), [undefined, undefined], 'a tree without them is prepared as well');
  for (const hook of [commands.export_prehook, commands.export_vm_prehook]) {
    execFileSync('setcap', ['cap_setuid=ep', newuidmap]);
    execFileSync('setcap', ['cap_setgid=ep', newgidmap]);
    await run(commands.import_prehook);
    assert.deepEqual(shown(), [undefined, undefined]);
    await run(hook);
    assert.deepEqual(shown(), whole);
  }
});
