import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { debianTree } from '../test/helpers/debian-image.ts';
import { layoutFiles, testImage, writeFiles } from '../test/helpers/oci-image.ts';
import { bootTestHost } from './test-host.ts';
import { showTurns, takeTurns } from './turns.ts';

/**
 * What twenty applications on one base cost in time and room, beside twenty copies of the base: the images hold one
 * program of 2 MB. Usage: bench/base.ts BASE-TARBALL
 */
const runs = Number(process.env.SDME_BENCH_RUNS ?? 5);
const applications = 20;
const [, , tarball = ''] = process.argv;

const scratch = mkdtempSync('/var/tmp/sdme-bench-');
try {
  using host = bootTestHost(scratch);
  const { inside } = host;
  const busybox = await readFile(join(await debianTree('servers'), 'usr/bin/busybox'));
  const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';
  const image = { layers: [{ busybox }], config: { Entrypoint: ['/busybox'] }, executable: ['busybox'] };
  const layout = join(scratch, 'app');
  await writeFiles(layout, layoutFiles([await testImage({ ...image, architecture })]));
  inside('sdme', 'fs', 'import', tarball, '--name', 'base');

  const [store, copies] = [join(scratch, 'data/fs'), join(scratch, 'copies')];
  const megabytes = (path: string): number => Number(inside('du', '-sm', path).split('\t')[0]);
  const forEach = (command: string): string[] => [
    'bash',
    '-ec',
    `for i in {1..${applications}}; do ${command}; done`,
  ];
  const rooms = new Map<string, number[]>();
  /** Seconds of the commands; what `path` grows by is kept as their room. */
  const timed = (name: string, path: string, command: string): number => {
    const before = megabytes(path);
    const begin = performance.now();
    inside(...forEach(command));
    const seconds = (performance.now() - begin) / 1000;
    rooms.set(name, [...(rooms.get(name) ?? []), megabytes(path) - before]);
    return seconds;
  };
  const times = takeTurns(
    [
      {
        name: 'cp -a of the base',
        turn: () => {
          inside('mkdir', copies);
          const seconds = timed('cp -a of the base', copies, `cp -a ${store}/base ${copies}/$i`);
          inside('rm', '-r', copies);
          return seconds;
        },
      },
      {
        name: 'sdme fs import --base-fs',
        turn: () => {
          const command = `sdme fs import ${layout} --name app-$i --base-fs base`;
          const seconds = timed('sdme fs import --base-fs', store, command);
          inside('bash', '-ec', `sdme fs rm app-{1..${applications}}`);
          return seconds;
        },
      },
    ],
    runs,
  );
  showTurns(`${applications} on one base of ${megabytes(join(store, 'base'))} MB`, times, 's');
  showTurns('their room', rooms, 'MB');
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
