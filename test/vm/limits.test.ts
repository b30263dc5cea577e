import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { z } from 'zod';
import { embeddedUnitNames } from '../../src/queue/embedded-units.ts';
import { nspawnCapabilities } from '../../src/security/index.ts';
import { type ContainerStore, containerStore, output } from '../helpers/container-host.ts';
import { type SdmeProgram, sdmeProgram } from '../helpers/sdme-program.ts';
import { cgroupOf, outsideVm } from '../helpers/vm.ts';

const mebibyte = 1024 * 1024;

describe('limits of resources, as the kernel has them', { skip: outsideVm(), timeout: 1_200_000 }, () => {
  let store: ContainerStore;
  let sdme: SdmeProgram;
  const stack = new AsyncDisposableStack();

  before(async () => {
    store = stack.use(await containerStore('limits'));
    const { worker, queue } = embeddedUnitNames(store.layout);
    stack.defer(async () => void (await output('systemctl', 'stop', worker, queue)));
    sdme = sdmeProgram(store.layout);
    stack.defer(async () => void (await sdme.ok('rm', '--all', '--force')));
  });
  after(() => stack.disposeAsync());

  const group = (file: string): Promise<string> => readFile(join(cgroupOf('limited'), file), 'utf8');
  const limits = async (): Promise<string[]> =>
    (await Promise.all(['memory.max', 'memory.swap.max', 'cpu.max', 'cpu.weight'].map(group))).map((text) =>
      text.trim(),
    );
  /** A counter of a file such as `memory.events`. */
  const counter = async (file: string, name: string): Promise<number> =>
    Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(await group(file))?.[1]);
  const memory = (size: number): [string, string] => [`${size * mebibyte}`, `${size * mebibyte}`];

  test('limits given at create hold the container from its first boot', async () => {
    const flags = ['--memory', '192M', '--cpus', '0.5', '--cpu-weight', '50'];
    await sdme.ok('create', 'limited', '-r', 'debian', ...flags, '--started', '--timeout', '180');
    assert.deepEqual(await limits(), [...memory(192), '50000 100000', '50']);
    assert.equal((await group('pids.max')).trim(), '16384');
    const leader = (await output('machinectl', 'show', '-P', 'Leader', 'limited')).trim();
    assert.match(
      await readFile(`/proc/${leader}/cgroup`, 'utf8'),
      /^0::\/machine\.slice\/sdme@limited\.service\//,
    );
  });

  // Beside limits, as the container is there: in the test host root has not all of these to give.
  test('a container of the default tier keeps 26 capabilities', async () => {
    const status = await sdme.ok('exec', 'limited', '--', 'cat', '/proc/1/status');
    assert.deepEqual(/^CapBnd:\s*(\w+)$/m.exec(status)?.[1], '00000000fdecafff');
    const report = z.object({ capabilities: z.object({ in_force: z.array(z.string()) }) });
    const shown = report.parse(JSON.parse(await sdme.ok('security', 'show', 'limited', '--json')));
    assert.deepEqual(shown.capabilities.in_force, [...nspawnCapabilities].sort());
    assert.equal(shown.capabilities.in_force.length, 26);
  });

  test('a container with half a processor is held back while it wants more', async () => {
    const before = await counter('cpu.stat', 'nr_throttled');
    await sdme.ok('exec', 'limited', '--', 'sh', '-c', 'i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done');
    const throttled = (await counter('cpu.stat', 'nr_throttled')) - before;
    assert.ok(throttled > 0, `${throttled} periods`);
  });

  test('a process that takes more memory than its container has is killed; the container lives on', async () => {
    assert.equal(await counter('memory.events', 'oom_kill'), 0);
    const leader = await output('machinectl', 'show', '-P', 'Leader', 'limited');
    const greedy = await sdme.run('exec', 'limited', '--', 'tail', '/dev/zero');
    assert.notEqual(greedy.code, 0);
    assert.equal(await counter('memory.events', 'oom_kill'), 1);
    assert.ok((await counter('memory.events', 'max')) > 0);
    assert.equal(await output('machinectl', 'show', '-P', 'Leader', 'limited'), leader);
    assert.equal(await sdme.ok('exec', 'limited', '--', 'echo', 'alive'), 'alive');
    assert.match(await sdme.ok('ps'), /^limited +running /m);
  });

  test('`set` replaces all limits; a running container gets them when it is restarted, as it says', async () => {
    const said = await sdme.run('set', 'limited', '--memory', '256M', '--cpus', '1.5');
    assert.deepEqual([said.code, said.stdout], [0, 'limited\n']);
    assert.match(said.stderr, /^note: container 'limited' is running; restart for limits to take effect$/m);
    assert.deepEqual(await limits(), [...memory(192), '50000 100000', '50']);
    await sdme.ok('restart', 'limited', '--timeout', '180');
    assert.deepEqual(await limits(), [...memory(256), '150000 100000', '100']);
  });

  test('`set` without limits takes them away', async () => {
    await sdme.ok('stop', 'limited');
    await sdme.ok('set', 'limited');
    await sdme.ok('start', 'limited', '--timeout', '180');
    assert.deepEqual(await limits(), ['max', 'max', 'max 100000', '100']);
  });
});
