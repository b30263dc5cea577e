import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { output } from '../helpers/container-host.ts';
import { outsideVm } from '../helpers/vm.ts';

describe('the virtual machine', { skip: outsideVm() }, () => {
  test('boots a kernel of its own into systemd without a failed unit', async () => {
    assert.equal((await output('systemctl', 'is-system-running', '--wait')).trim(), 'running');
    assert.match(await readFile('/proc/version', 'utf8'), /Debian/);
  });

  test('has what the test host lacks: AppArmor that is enforced, and controllers of cgroups', async () => {
    const apparmor = (name: string): Promise<string> =>
      readFile(`/sys/module/apparmor/parameters/${name}`, 'utf8');
    assert.deepEqual([await apparmor('enabled'), await apparmor('mode')], ['Y\n', 'enforce']);
    const controllers = (await readFile('/sys/fs/cgroup/cgroup.controllers', 'utf8')).trim().split(' ');
    for (const controller of ['cpu', 'memory', 'pids'])
      assert.ok(controllers.includes(controller), controller);
  });
});
