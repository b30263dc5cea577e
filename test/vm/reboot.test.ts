import assert from 'node:assert/strict';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { z } from 'zod';
import { layoutOf } from '../../src/base/paths.ts';
import { execCommand } from '../../src/nspawn/exec-command.ts';
import { readSecurity } from '../../src/nspawn/read-side.ts';
import { embeddedUnitNames } from '../../src/queue/embedded-units.ts';
import { output, traces } from '../helpers/container-host.ts';
import { debianImage } from '../helpers/debian-image.ts';
import { sdmeProgram } from '../helpers/sdme-program.ts';
import { outsideVm, vmBoot } from '../helpers/vm.ts';

/** What the first boot leaves for the next ones to compare with. */
const notesFile = '/var/lib/sdme-vm-notes.json';
const notesSchema = z.object({
  /** The kernel's id of the boot before. */
  bootId: z.string(),
  /** The line of /proc/PID/uid_map, by container. */
  userMaps: z.record(z.string(), z.string()),
});
const listing = z.array(z.looseObject({ name: z.string(), status: z.string() }));

const layout = layoutOf('/var/lib/sdme', '/run/sdme');
const sdme = sdmeProgram(layout);
const enabled = ['mapped', 'strict'] as const;
const kept = 'root/kept';

const bootId = async (): Promise<string> =>
  (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
const inside = async (container: string, ...command: string[]): Promise<string> => {
  const { program, args } = execCommand({ container, command });
  return (await output(program, ...args)).trim();
};
const userMap = async (name: string): Promise<string> =>
  (await inside(name, 'cat', '/proc/1/uid_map')).replaceAll(/ +/g, ' ');
const note = async (): Promise<void> => {
  const maps = await Promise.all(enabled.map(async (name) => [name, await userMap(name)] as const));
  const notes = { bootId: await bootId(), userMaps: Object.fromEntries(maps) };
  await writeFile(notesFile, JSON.stringify(notes), { flush: true });
};

/** Containers that are enabled run again as they were; one that is not does not. */
async function allIsBack(): Promise<void> {
  const notes = notesSchema.parse(JSON.parse(await readFile(notesFile, 'utf8')));
  assert.notEqual(await bootId(), notes.bootId, 'the machine has started again');
  const listed = listing.parse(JSON.parse(await sdme.ok('ps', '--json')));
  assert.deepEqual(listed.map(({ name, status }) => `${name} ${status}`).sort(), [
    'mapped running',
    'other stopped',
    'strict running',
  ]);
  for (const name of enabled) {
    assert.equal(await inside(name, 'systemctl', 'is-system-running', '--wait'), 'running', name);
    assert.equal(await userMap(name), notes.userMaps[name], name);
    // Files of the rootfs and of the container's own layer belong to those inside, and outside to its range.
    assert.equal(await inside(name, 'stat', '-c', '%u %a', '/usr/bin/passwd'), '0 4755', name);
    assert.equal(await inside(name, 'cat', `/${kept}`), name);
    assert.equal(await inside(name, 'stat', '-c', '%u', `/${kept}`), '0', name);
    const outside = (await stat(join(layout.containerDir(name), 'upper', kept))).uid;
    assert.equal(`0 ${outside} 65536`, notes.userMaps[name], name);
    const { mechanisms } = await readSecurity(layout, name);
    assert.deepEqual(
      mechanisms.filter((row) => !row.as_asked),
      [],
      name,
    );
  }
  assert.equal(await inside('strict', 'cat', '/proc/self/attr/current'), 'sdme-default (enforce)');
}

const boot = vmBoot();

describe('a machine that starts again', { skip: outsideVm(), timeout: 1_200_000 }, () => {
  if (boot === 1) {
    test('containers with users of their own are enabled, and run', async () => {
      await sdme.ok('config', 'apparmor-profile', '--install');
      await sdme.ok('fs', 'import', (await debianImage()).root, '--name', 'debian');
      await sdme.ok('create', 'other', '-r', 'debian', '--userns');
      await sdme.ok('create', 'mapped', '-r', 'debian', '--userns');
      await sdme.ok('enable', 'mapped');
      await sdme.ok('create', 'strict', '-r', 'debian', '--strict', '--enable');
      await sdme.ok('start', 'mapped', 'strict', '--timeout', '180');
      for (const name of enabled) {
        await inside(name, 'sh', '-c', `echo ${name} > /${kept} && sync /${kept}`);
        assert.equal(await inside(name, 'systemctl', 'is-system-running', '--wait'), 'running', name);
      }
      await note();
    });
  }
  if (boot === 2) {
    test('after an orderly reboot enabled containers run again as they were, their users and profile too', async () => {
      await allIsBack();
      await note();
    });
  }
  if (boot === 3) {
    test('after a loss of power enabled containers run again as they were, their users and profile too', async () => {
      await allIsBack();
    });
    test('what came back can be removed whole', async () => {
      await sdme.ok('rm', '--force', 'other', ...enabled);
      for (const name of ['other', ...enabled]) assert.deepEqual(await traces(layout, name), []);
      const { worker, queue } = embeddedUnitNames(layout);
      await output('systemctl', 'stop', worker, queue);
    });
  }
});
