import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

/** Which boot of the machine of `npm run test:vm` this is, from 1; undefined elsewhere. */
export function vmBoot(): number | undefined {
  const boot = Number(process.env.SDME_VM_BOOT);
  return Number.isInteger(boot) && boot > 0 ? boot : undefined;
}

/** Why tests of what only a full machine has cannot run here; false in the machine of `npm run test:vm`. */
export function outsideVm(): string | false {
  return vmBoot() === undefined ? 'needs the machine of npm run test:vm' : false;
}

/** The cgroup of a container's unit. */
export function cgroupOf(container: string): string {
  return `/sys/fs/cgroup/machine.slice/sdme@${container}.service`;
}

/** The processes of a container, its nspawn among them, or of one unit inside. */
export async function processesOf(container: string, unit = ''): Promise<number[]> {
  const groups = await readdir(cgroupOf(container), { recursive: true });
  const lists = groups
    .filter((path) => basename(path) === 'cgroup.procs' && path.includes(unit))
    .map((path) => readFile(join(cgroupOf(container), path), 'utf8'));
  return (await Promise.all(lists)).join('').split('\n').filter(Boolean).map(Number);
}
