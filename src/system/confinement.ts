import { readFile, readlink } from 'node:fs/promises';
import { SdmeError } from '../base/errors.ts';
import { errnoOf } from './failure.ts';
import { parseMountInfo } from './mounts.ts';
import { type ProcessStatus, parseInterfaces, parseProcessStatus } from './process-status.ts';
import { parseUidMap, type UidMapping } from './uid-map.ts';

/** Kinds of namespaces, as /proc/PID/ns calls them. */
export const namespaceKinds = ['user', 'pid', 'ipc', 'uts', 'mnt', 'cgroup', 'net'] as const;
export type NamespaceKind = (typeof namespaceKinds)[number];

/** What the kernel holds a process to, whatever anybody asked for. */
export interface Confinement extends ProcessStatus {
  readonly userMap: readonly UidMapping[];
  /** The namespaces it does not share with PID 1 of this host. */
  readonly ownNamespaces: ReadonlySet<NamespaceKind>;
  readonly interfaces: readonly string[];
  /** Its root is mounted read-only. */
  readonly readOnlyRoot: boolean;
  /** The kernel's settings in /proc/sys are mounted read-only. */
  readonly readOnlySettings: boolean;
  /** Its AppArmor label, e.g. `sdme-default (enforce)` or `unconfined`; undefined where the kernel has no AppArmor. */
  readonly apparmor: string | undefined;
  /** Its place in the cgroup tree, e.g. `/machine.slice/sdme@web.service/payload/init.scope`. */
  readonly cgroup: string;
  /** The command line of the process that started it, word by word. */
  readonly parentCommand: readonly string[];
}

async function namespacesOf(pid: number): Promise<Map<NamespaceKind, string>> {
  const links = namespaceKinds.map(
    async (kind): Promise<[NamespaceKind, string]> => [kind, await readlink(`/proc/${pid}/ns/${kind}`)],
  );
  return new Map(await Promise.all(links));
}

/** The label, from the directory that only AppArmor has: `attr/current` may be another module's. */
async function apparmorLabel(pid: number): Promise<string | undefined> {
  try {
    return (await readFile(`/proc/${pid}/attr/apparmor/current`, 'utf8')).replace(/[\0\n]+$/, '');
  } catch (error) {
    // Not built in, or switched off at boot.
    if (['ENOENT', 'EINVAL'].includes(errnoOf(error) ?? '')) return undefined;
    throw error;
  }
}

async function commandOfParent(status: string): Promise<string[]> {
  const parent = /^PPid:\s*([1-9][0-9]*)$/m.exec(status)?.[1];
  if (parent === undefined) return [];
  return (await readFile(`/proc/${parent}/cmdline`, 'utf8')).split('\0').slice(0, -1);
}

async function readAll(pid: number): Promise<Confinement> {
  const textOf = (file: string): Promise<string> => readFile(`/proc/${pid}/${file}`, 'utf8');
  const status = await textOf('status');
  const [own, hosts] = [await namespacesOf(pid), await namespacesOf(1)];
  const mounts = parseMountInfo(await textOf('mountinfo'));
  const isReadOnly = (path: string): boolean =>
    mounts.findLast(({ mountPoint }) => mountPoint === path)?.readOnly ?? false;
  return {
    ...parseProcessStatus(status),
    userMap: parseUidMap(await textOf('uid_map')),
    ownNamespaces: new Set(namespaceKinds.filter((kind) => own.get(kind) !== hosts.get(kind))),
    interfaces: parseInterfaces(await textOf('net/dev')),
    readOnlyRoot: isReadOnly('/'),
    readOnlySettings: isReadOnly('/proc/sys'),
    apparmor: await apparmorLabel(pid),
    cgroup: /^0::(.*)$/m.exec(await textOf('cgroup'))?.[1] ?? '/',
    parentCommand: await commandOfParent(status),
  };
}

/**
 * What the kernel holds a process of this host to, read from /proc.
 * @throws SdmeError `io` when it ended while it was looked at, or may not be looked at
 */
export async function confinementOf(pid: number): Promise<Confinement> {
  try {
    return await readAll(pid);
  } catch (cause) {
    throw new SdmeError('io', `cannot read what the kernel says of process ${pid}`, { cause });
  }
}
