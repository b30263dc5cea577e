import assert from 'node:assert/strict';
import { readFile, rm } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { connectBus } from '../../src/system/systemd/bus.ts';
import { getMachine, killMachine } from '../../src/system/systemd/machines.ts';
import { output, outsideTestHost } from '../helpers/container-host.ts';
import { processLives, waitFor } from '../helpers/wait-for.ts';

const name = 'leaderless';
const pidFile = `/run/${name}.pid`;
const script = `sleep 1000 & echo $! > ${pidFile}; wait $!; exec sleep 1001`;

describe('machines of machined', { skip: outsideTestHost(), timeout: 30_000 }, () => {
  test('a signal for a machine whose PID 1 has ended is no failure, though machined still knows it', async () => {
    await using stack = new AsyncDisposableStack();
    stack.defer(() => rm(pidFile, { force: true }));
    stack.defer(async () => void (await output('systemctl', 'stop', `${name}.service`)));
    await output('systemd-run', '--quiet', '--unit', name, '--slice=machine.slice', 'sh', '-c', script);
    const leader = await waitFor('the leader', async () => {
      const pid = Number(await readFile(pidFile, 'utf8').catch(() => ''));
      return pid > 0 && pid;
    });
    const manager = [
      'org.freedesktop.machine1',
      '/org/freedesktop/machine1',
      'org.freedesktop.machine1.Manager',
    ];
    const about = [name, '0', 'sdme-test', 'container', `${leader}`, ''];
    await output('busctl', 'call', ...manager, 'RegisterMachine', 'sayssus', ...about);

    process.kill(leader, 'SIGKILL');
    await waitFor('its end', async () => !(await processLives(leader)));
    await using bus = await connectBus({});
    assert.equal((await getMachine(bus, name))?.leader, leader);
    await killMachine(bus, name, 'leader', 34 + 3);
  });
});
