import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import { detachedContext, type JobContext } from '../../src/base/context.ts';
import { type Layout, layoutOf } from '../../src/base/paths.ts';
import { parseSettings } from '../../src/config/load.ts';
import type { Settings } from '../../src/config/schema.ts';
import { removeTree } from '../../src/system/fs/remove-tree.ts';
import { listMounts, unmountAtOrBelow } from '../../src/system/mounts.ts';
import { debianImage } from './debian-image.ts';

const runFile = promisify(execFile);

/**
 * Why tests that act on units and machines cannot run here; false in the test host, and on a machine with systemd
 * whose owner asked for it with SDME_TEST_ON_HOST=1.
 */
export function outsideTestHost(): string | false {
  if (process.env.SDME_TEST_ON_HOST === '1' && existsSync('/run/systemd/system')) return false;
  try {
    const inHost = readFileSync('/proc/1/environ', 'latin1').split('\0').includes('container=sdme-test');
    return inHost ? false : 'needs the test host (test/host/boot run …)';
  } catch {
    return 'needs the test host and root';
  }
}

/** Runs a program; its standard output. */
export async function output(program: string, ...args: string[]): Promise<string> {
  const { stdout } = await runFile(program, args, { maxBuffer: 16 * 1024 * 1024 });
  return stdout;
}

/** What a job's log got, beside the context that writes it. */
export interface LoggedContext {
  readonly ctx: JobContext;
  readonly lines: string[];
}

/** A context whose log lines can be read. */
export function loggedContext(signal?: AbortSignal, jobId?: string): LoggedContext {
  const lines: string[] = [];
  const write = (message: string): void => void lines.push(message);
  const ctx = { ...detachedContext(signal, jobId), log: { info: write, warn: write, error: write } };
  return { ctx, lines };
}

/** A store of one test file, with a bootable rootfs `debian` in it. */
export interface ContainerStore extends AsyncDisposable {
  readonly layout: Layout;
  readonly settings: Settings;
}

/** A store below /var/lib/sdme of the test host; the tree is shown in it by a read-only bind mount. */
export async function containerStore(
  name: string,
  settings: Record<string, unknown> = {},
): Promise<ContainerStore> {
  const dataDir = `/var/lib/sdme/${name}`;
  const layout = layoutOf(dataDir, `/run/sdme-${name}`);
  const { root } = await debianImage();
  const rootfs = layout.rootfsDir('debian');
  mkdirSync(rootfs, { recursive: true });
  await output('mount', '--bind', '-o', 'ro', root, rootfs);
  return {
    layout,
    settings: parseSettings({ datadir: dataDir, ...settings }, 'test'),
    async [Symbol.asyncDispose]() {
      await unmountAtOrBelow(dataDir);
      await removeTree(dataDir);
      await removeTree(layout.runtimeDir);
    },
  };
}

/** Everything on the host that belongs to a container: nothing once it is removed. */
export async function traces(layout: Layout, name: string): Promise<string[]> {
  const machines = await output('machinectl', 'list', '--no-legend', '--no-pager');
  const units = await readdir('/etc/systemd/system', { recursive: true });
  const processes = await output('ps', '-eo', 'args');
  const { stdout: failed } = await runFile('systemctl', [
    'list-units',
    '--all',
    '--no-legend',
    '--plain',
    `sdme@${name}*`,
  ]);
  return [
    ...machines.split('\n').filter((line) => line.startsWith(`${name} `)),
    ...units.filter((unit) => unit.includes(`sdme@${name}.`)),
    ...(await listMounts())
      .map((mount) => mount.mountPoint)
      .filter((path) => path.includes(`/containers/${name}`)),
    ...processes.split('\n').filter((line) => line.includes(`--machine=${name} `)),
    ...[layout.stateFile(name), layout.containerDir(name)].filter((path) => existsSync(path)),
    ...[`unix-export/${name}`, `propagate/${name}`]
      .map((path) => `/run/systemd/nspawn/${path}`)
      .filter((path) => existsSync(path)),
    ...failed.split('\n').filter((line) => line.trim() !== ''),
  ];
}
