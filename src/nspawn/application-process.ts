import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { SdmeError } from '../base/errors.ts';
import type { Layout } from '../base/paths.ts';
import { rootfsNames } from '../rootfs/index.ts';
import type { ContainerRecord } from './record.ts';
import { listApplications } from './rootfs-facts.ts';

const attempts = 30;
const attemptMs = 100;

/**
 * The application that a person means in a container (contract 1.6). `wanted` is what they named.
 * @throws SdmeError `not-found`, `input.invalid`
 */
export function chooseApplication(
  record: Pick<ContainerRecord, 'NAME' | 'OCI_APP' | 'KUBE_CONTAINERS'>,
  wanted: string | undefined,
  installed: () => readonly string[],
): string {
  const { NAME, OCI_APP, KUBE_CONTAINERS: pod } = record;
  if (wanted !== undefined) {
    if (pod.length === 0 ? installed().includes(wanted) : pod.includes(wanted)) return wanted;
    throw new SdmeError(
      'not-found',
      pod.length === 0
        ? `container '${NAME}' has no OCI application '${wanted}'; available: ${installed().join(', ') || 'none'}`
        : `container '${wanted}' not found in kube pod '${NAME}'; available: ${pod.join(', ')}`,
    );
  }
  const [only, ...others] = pod;
  if (OCI_APP !== undefined) return OCI_APP;
  if (only !== undefined && others.length === 0) return only;
  if (only !== undefined) {
    throw new SdmeError(
      'input.invalid',
      `kube pod '${NAME}' has multiple containers: ${pod.join(', ')}; use --oci NAME to select one`,
    );
  }
  const [found, ...more] = installed();
  if (found !== undefined && more.length === 0) return found;
  throw new SdmeError(
    'input.invalid',
    `cannot determine OCI app name; use --oci NAME (${installed().join(', ') || 'none found'})`,
  );
}

/** Names of the applications in a container's rootfs. */
export async function installedApplications(layout: Layout, record: ContainerRecord): Promise<string[]> {
  if (!(await rootfsNames(layout)).includes(record.ROOTFS)) return [];
  return listApplications(layout.rootfsDir(record.ROOTFS)).map(({ name }) => name);
}

/** Directories in which systemd keeps the processes of an application's unit, by how nspawn was started. */
function processFiles(container: string, application: string): string[] {
  const scope = `machine-${container.replaceAll('-', '\\x2d')}.scope`;
  return [`${container}.scope`, `sdme@${container}.service`, scope].flatMap((unit) =>
    ['init.scope/system.slice', 'payload/system.slice', 'system.slice'].map(
      (inner) => `/sys/fs/cgroup/machine.slice/${unit}/${inner}/sdme-oci-${application}.service/cgroup.procs`,
    ),
  );
}

/** A process' numbers in its namespace and those around it, the host's first (proc_pid_status(5), NSpid). */
function numbersOf(status: string): number[] {
  return /^NSpid:\s*([0-9\s]+)$/m.exec(status)?.[1]?.trim().split(/\s+/).map(Number) ?? [];
}

/** True for PID 1 of a namespace two or more levels below the host's: what reaps an application's processes. */
export function isInnerInit(status: string): boolean {
  const numbers = numbersOf(status);
  return numbers.length >= 3 && numbers.at(-1) === 1;
}

/** Undefined where there is no such file, or its process ended. */
const textOf = (path: string): Promise<string | undefined> => readFile(path, 'utf8').catch(() => undefined);

/** The parent's number in its own namespace, which is the container's; undefined when either has ended. */
async function parentOf(status: string): Promise<number | undefined> {
  const parent = /^PPid:\s*([0-9]+)$/m.exec(status)?.[1];
  return numbersOf((await textOf(`/proc/${parent}/status`)) ?? '').at(-1);
}

async function findSupervisor(files: readonly string[]): Promise<number | undefined> {
  for (const file of files) {
    for (const pid of (await textOf(file))?.split('\n') ?? []) {
      const status = pid === '' ? undefined : await textOf(`/proc/${pid}/status`);
      if (status !== undefined && isInnerInit(status)) return parentOf(status);
    }
  }
  return undefined;
}

/**
 * The supervisor of a running application, as its container numbers it: the process whose children are in the
 * application's namespaces. One that is just being started is waited for, for three seconds.
 * @throws SdmeError `state.conflict`
 */
export async function supervisorPid(container: string, application: string): Promise<number> {
  const files = processFiles(container, application);
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const pid = await findSupervisor(files);
    if (pid !== undefined) return pid;
    await delay(attemptMs);
  }
  throw new SdmeError(
    'state.conflict',
    `OCI application '${application}' is not running in container '${container}'`,
    {
      facts: { container, application },
    },
  );
}
