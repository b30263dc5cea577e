import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Layout, layoutOf } from '../../src/base/paths.ts';
import { embeddedUnitNames } from '../../src/queue/embedded-units.ts';
import { removeTree } from '../../src/system/fs/remove-tree.ts';
import { unmountAtOrBelow } from '../../src/system/mounts.ts';
import { output } from './container-host.ts';
import { debianImage } from './debian-image.ts';
import { type SdmeProgram, sdmeProgram } from './sdme-program.ts';
import { waitFor } from './wait-for.ts';

/** Files that a base has besides Debian's, by path; a symlink is written `-> target`. */
export type BaseFiles = Readonly<Record<string, string>>;

/** A store in the test host with a bootable base rootfs `base`, worked on through the command line. */
export interface WorkloadStage extends AsyncDisposable {
  readonly layout: Layout;
  readonly sdme: SdmeProgram;
  /** Room for sources. */
  readonly dir: string;
  /** Runs a command in a container. @returns its output, trimmed */
  inside(container: string, ...command: string[]): Promise<string>;
  /** A property of an application's unit, as systemd in the container says it. */
  unit(container: string, application: string, property: string): Promise<string>;
  /** What an application wrote to its journal, under its name. */
  journal(container: string, application: string): Promise<string>;
  /** A path in the merged tree of a running container. */
  merged(container: string, path: string): string;
  /** Waits for a condition; on failure says what the application's unit says. */
  until(what: string, container: string, application: string, holds: () => Promise<boolean>): Promise<void>;
}

async function baseTarball(dir: string, files: BaseFiles): Promise<string> {
  const tarball = join(dir, 'base.tar');
  await copyFile((await debianImage()).tarball, tarball);
  const added = join(dir, 'added');
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(added, path)), { recursive: true });
    if (text.startsWith('-> ')) await symlink(text.slice(3), join(added, path));
    else await writeFile(join(added, path), text, { mode: 0o644 });
  }
  const names = Object.keys(files);
  if (names.length > 0)
    await output('tar', '--append', '--file', tarball, '--owner=0', '--group=0', '-C', added, ...names);
  return tarball;
}

/** Opens a stage below /var/lib/sdme; `name` keeps it apart from those of other test files. */
export async function openWorkloadStage(name: string, baseFiles: BaseFiles = {}): Promise<WorkloadStage> {
  const stack = new AsyncDisposableStack();
  const layout = layoutOf(`/var/lib/sdme/${name}`, `/run/sdme-${name}`);
  stack.defer(async () => {
    await unmountAtOrBelow(layout.dataDir);
    await removeTree(layout.dataDir);
    await removeTree(layout.runtimeDir);
  });
  const { worker, queue } = embeddedUnitNames(layout);
  stack.defer(async () => void (await output('systemctl', 'stop', worker, queue)));
  const sdme = sdmeProgram(layout);
  stack.defer(async () => void (await sdme.ok('rm', '-a', '-f')));
  const dir = await mkdtemp('/var/tmp/sdme-workload-');
  stack.defer(() => rm(dir, { recursive: true }));
  await sdme.ok('fs', 'import', await baseTarball(dir, baseFiles), '--name', 'base');
  await rm(join(dir, 'base.tar'));
  const inside = async (container: string, ...command: string[]): Promise<string> =>
    (await sdme.ok('exec', container, '--', ...command)).trim();
  return {
    layout,
    sdme,
    dir,
    inside,
    unit: (container, application, property) =>
      inside(container, 'systemctl', 'show', '-P', property, `sdme-oci-${application}.service`),
    journal: (container, application) =>
      sdme.ok('logs', container, '--oci', application, '--', '-t', application, '--no-pager', '-o', 'cat'),
    merged: (container, path) => join(layout.containerDir(container), 'merged', path),
    until: async (what, container, application, holds) => {
      await waitFor(what, holds, 40_000).catch(async (error: unknown) => {
        const unit = `sdme-oci-${application}.service`;
        const { stdout } = await sdme.run('exec', container, '--', 'systemctl', 'status', '-n', '30', unit);
        throw new Error(`${error}\n${stdout}`);
      });
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
