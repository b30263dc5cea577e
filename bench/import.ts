import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { run } from '../src/system/exec/run.ts';
import { startDockerRegistry } from '../test/helpers/docker-registry.ts';
import { type BenchImage, benchImage, benchImages } from './images.ts';
import { pidsOfWorker, stopLocalQueue } from './local-queue.ts';
import { type Measured, measure, median } from './measure.ts';

/**
 * Imports of one image from a registry on loopback onto tmpfs: `sdme fs import` beside `podman pull` and
 * `skopeo copy` with `umoci unpack`, turn by turn in one run, each from nothing (no blob, no layer, no cache).
 * Times are of the whole command. `sdme` is measured with its queue and worker running (`warm`, as podman needs
 * no daemon but an administrator's second import finds them running) and with both to be started (`cold`).
 */

const runs = Number(process.env.SDME_BENCH_RUNS ?? '5');
const project = join(import.meta.dirname, '..');
const sdme = join(project, 'sdme');
const megabyte = 1e6;

interface Peer {
  readonly name: string;
  readonly once: (reference: string, scratch: string) => Promise<Measured>;
}

async function podman(reference: string, scratch: string): Promise<Measured> {
  const store = [
    '--root',
    join(scratch, 'root'),
    '--runroot',
    join(scratch, 'run'),
    '--storage-driver',
    'overlay',
  ];
  try {
    return await measure('podman', [...store, 'pull', '-q', '--tls-verify=false', reference]);
  } finally {
    // Its layers are mounted while it works; removal through podman leaves nothing mounted.
    await run('podman', [...store, 'rmi', '--all', '--force']);
  }
}

async function skopeoAndUmoci(reference: string, scratch: string): Promise<Measured> {
  const layout = join(scratch, 'layout');
  const copy = ['copy', '-q', '--src-tls-verify=false', `docker://${reference}`, `oci:${layout}:l`];
  const copied = await measure('skopeo', copy);
  const unpacked = await measure('umoci', ['unpack', '--image', `${layout}:l`, join(scratch, 'bundle')]);
  return {
    seconds: copied.seconds + unpacked.seconds,
    peakBytes: Math.max(copied.peakBytes, unpacked.peakBytes),
  };
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

async function sdmeCold(reference: string, scratch: string): Promise<Measured> {
  const env = await sdmeEnvironment(scratch);
  try {
    return await measure(sdme, importArgs(reference), {
      env,
      watch: () => pidsOfWorker(join(scratch, 'run')),
    });
  } finally {
    await stopLocalQueue(join(scratch, 'run'));
  }
}

async function sdmeWarm(reference: string, scratch: string): Promise<Measured> {
  const env = await sdmeEnvironment(scratch);
  try {
    await measure(sdme, ['fs', 'gc'], { env });
    return await measure(sdme, importArgs(reference), {
      env,
      watch: () => pidsOfWorker(join(scratch, 'run')),
    });
  } finally {
    await stopLocalQueue(join(scratch, 'run'));
  }
}

const peers: readonly Peer[] = [
  { name: 'podman pull', once: podman },
  { name: 'skopeo copy + umoci unpack', once: skopeoAndUmoci },
  { name: 'sdme fs import (warm)', once: sdmeWarm },
  { name: 'sdme fs import (cold)', once: sdmeCold },
];

function report(image: BenchImage, results: ReadonlyMap<string, readonly Measured[]>): void {
  const unpacked = (image.unpackedBytes / megabyte).toFixed(0);
  const packed = (image.compressedBytes / megabyte).toFixed(0);
  console.log(
    `\n${image.name}: ${image.layers} layers, ${packed} MB compressed, ${unpacked} MB unpacked, ${runs} runs each`,
  );
  const base = median((results.get('podman pull') ?? []).map(({ seconds }) => seconds));
  for (const [name, measured] of results) {
    const seconds = measured.map((one) => one.seconds);
    const peak = Math.max(...measured.map((one) => one.peakBytes)) / megabyte;
    const spread = `${Math.min(...seconds).toFixed(2)}-${Math.max(...seconds).toFixed(2)}`;
    console.log(
      `  ${name.padEnd(28)} ${median(seconds).toFixed(2).padStart(6)} s (${spread})  ${(median(seconds) / base).toFixed(2)} of podman  peak ${peak.toFixed(0)} MB`,
    );
  }
}

const cache = process.env.SDME_TEST_CACHE ?? join(homedir(), '.cache/sdme-test');
await using registry = await startDockerRegistry();
for (const name of Object.keys(benchImages)) {
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
  for (let turn = 0; turn < runs; turn += 1) {
    for (const peer of peers) {
      const scratch = await mkdtemp('/dev/shm/sdme-bench-');
      try {
        results.get(peer.name)?.push(await peer.once(reference, scratch));
      } finally {
        await rm(scratch, { recursive: true, force: true });
      }
    }
  }
  report(image, results);
}
