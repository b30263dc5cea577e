import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { run } from '../src/system/exec/run.ts';
import { startDockerRegistry } from '../test/helpers/docker-registry.ts';
import { type BenchImage, benchImage, benchImages } from './images.ts';
import { stopLocalQueue, workerFinder } from './local-queue.ts';
import { type Measured, measure, median } from './measure.ts';

/**
 * Imports of one image from a registry on loopback onto tmpfs: `sdme fs import` beside `podman pull` and
 * `skopeo copy` with `umoci unpack`, turn by turn in one run, each from nothing (no blob, no layer, no cache).
 * Times are of the whole command. `sdme` is measured with its queue and worker running (`warm`, as podman needs
 * no daemon but an administrator's second import finds them running) and with both to be started (`cold`). Memory
 * is that of podman, and of the worker with its children; it is taken in one more turn, as watching it takes time.
 */

const runs = Number(process.env.SDME_BENCH_RUNS ?? '5');
const project = join(import.meta.dirname, '..');
const sdme = join(project, 'sdme');
const megabyte = 1e6;

interface Peer {
  readonly name: string;
  readonly once: (reference: string, scratch: string, memory: boolean) => Promise<Measured>;
}

async function podman(reference: string, scratch: string, memory: boolean): Promise<Measured> {
  const store = [
    '--root',
    join(scratch, 'root'),
    '--runroot',
    join(scratch, 'run'),
    '--storage-driver',
    'overlay',
  ];
  try {
    return await measure('podman', [...store, 'pull', '-q', '--tls-verify=false', reference], { memory });
  } finally {
    // Its layers are mounted while it works; removal through podman leaves nothing mounted.
    await run('podman', [...store, 'rmi', '--all', '--force']);
  }
}

async function skopeoAndUmoci(reference: string, scratch: string, memory: boolean): Promise<Measured> {
  const layout = join(scratch, 'layout');
  const copy = ['copy', '-q', '--src-tls-verify=false', `docker://${reference}`, `oci:${layout}:l`];
  const copied = await measure('skopeo', copy, { memory });
  const unpacking = ['unpack', '--image', `${layout}:l`, join(scratch, 'bundle')];
  const unpacked = await measure('umoci', unpacking, { memory });
  const seconds = copied.seconds + unpacked.seconds;
  if (copied.peak === undefined || unpacked.peak === undefined) return { seconds };
  const larger = copied.peak.proportional > unpacked.peak.proportional ? copied.peak : unpacked.peak;
  return { seconds, peak: larger };
}

/** The environment of an `sdme` whose store, queue and worker are of this run. */
async function sdmeEnvironment(scratch: string): Promise<NodeJS.ProcessEnv> {
  const config = join(scratch, 'sdme.conf');
  await mkdir(join(scratch, 'data'), { recursive: true, mode: 0o700 });
  await writeFile(config, 'queue_idle_seconds = 60\n');
  return {
    ...process.env,
    SDME_CONFIG: config,
    SDME_DATADIR: join(scratch, 'data'),
    SDME_RUNDIR: join(scratch, 'run'),
  };
}

const importArgs = (reference: string): string[] => [
  'fs',
  'import',
  reference,
  '--name',
  'bench',
  '--force',
  '--install-packages',
  'no',
];

async function sdmeImport(
  reference: string,
  scratch: string,
  memory: boolean,
  first: readonly string[] | undefined,
): Promise<Measured> {
  const env = await sdmeEnvironment(scratch);
  const roots = workerFinder(join(scratch, 'run'));
  try {
    if (first !== undefined) await measure(sdme, first, { env });
    return await measure(sdme, importArgs(reference), { env, memory, roots });
  } finally {
    await stopLocalQueue(join(scratch, 'run'));
  }
}

const peers: readonly Peer[] = [
  { name: 'podman pull', once: podman },
  { name: 'skopeo copy + umoci unpack', once: skopeoAndUmoci },
  { name: 'sdme fs import (warm)', once: (...all) => sdmeImport(...all, ['fs', 'gc']) },
  { name: 'sdme fs import (cold)', once: (...all) => sdmeImport(...all, undefined) },
];

function report(image: BenchImage, results: ReadonlyMap<string, readonly Measured[]>): void {
  const unpacked = (image.unpackedBytes / megabyte).toFixed(0);
  const packed = (image.compressedBytes / megabyte).toFixed(0);
  console.log(
    `\n${image.name}: ${image.layers} layers, ${packed} MB compressed, ${unpacked} MB unpacked, ${runs} runs each`,
  );
  const pulls = results.get('podman pull') ?? [];
  const base = median(pulls.filter(({ peak }) => peak === undefined).map(({ seconds }) => seconds));
  for (const [name, measured] of results) {
    const seconds = measured.filter(({ peak }) => peak === undefined).map((one) => one.seconds);
    const peak = measured.find((one) => one.peak !== undefined)?.peak;
    const spread = `${Math.min(...seconds).toFixed(2)}-${Math.max(...seconds).toFixed(2)}`;
    const memory =
      peak === undefined
        ? ''
        : `  peak ${megabytes(peak.proportional)} (resident ${megabytes(peak.resident)})`;
    console.log(
      `  ${name.padEnd(28)} ${median(seconds).toFixed(2).padStart(6)} s (${spread})  ${(median(seconds) / base).toFixed(2)} of podman${memory}`,
    );
  }
}

const megabytes = (bytes: number): string => `${(bytes / megabyte).toFixed(0)} MB`;

const cache = process.env.SDME_TEST_CACHE ?? join(homedir(), '.cache/sdme-test');
await using registry = await startDockerRegistry();
const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(benchImages);
for (const name of names) {
  const image = await benchImage(name, cache);
  const reference = `${registry.host}/${name}:latest`;
  await run('skopeo', [
    'copy',
    '-q',
    '--dest-tls-verify=false',
    `oci:${image.directory}:latest`,
    `docker://${reference}`,
  ]);
  const results = new Map<string, Measured[]>(peers.map((peer) => [peer.name, []]));
  for (let turn = 0; turn <= runs; turn += 1) {
    for (const peer of peers) {
      const scratch = await mkdtemp('/dev/shm/sdme-bench-');
      try {
        results.get(peer.name)?.push(await peer.once(reference, scratch, turn === runs));
      } finally {
        await rm(scratch, { recursive: true, force: true });
      }
    }
  }
  report(image, results);
}
