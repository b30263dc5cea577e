import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type FsImportInput, type FsImportResult, fsImport } from '../../src/contracts/fs-import.ts';
import type { JobRecord } from '../../src/contracts/index.ts';
import { isEndState, type JobState } from '../../src/contracts/job-states.ts';
import type { Client, LocalPrograms } from '../../src/producer/index.ts';
import { type LocalStage, openLocalStage } from '../redis/fixtures/local-stage.ts';
import { childPids } from './child-pids.ts';
import { type DockerRegistry, registryMissing, startDockerRegistry } from './docker-registry.ts';
import { openRegistryGate, type RegistryGate } from './fault-gate.ts';
import { rootMissing } from './import-store.ts';
import { pushImage, type TestImage } from './oci-image.ts';
import { processLives, waitFor } from './wait-for.ts';

/** Why fault tests cannot run here, or undefined. */
export async function faultsMissing(): Promise<string | undefined> {
  const booted = await stat('/run/systemd/system').then(
    () => 'systemd keeps the queue here; these tests are about the processes that do elsewhere',
    () => undefined,
  );
  return rootMissing() ?? registryMissing() ?? booted;
}

export interface FaultStageOptions {
  /** Further lines of the configuration. */
  readonly config?: string;
  /** Programs in the place of the real supervisor and worker. */
  readonly programs?: LocalPrograms;
  /** Size of a tmpfs that holds the data directory, e.g. `16m`. */
  readonly disk?: string;
}

/**
 * The real things: an embedded queue with its supervisor and worker, started by a client as the command line does,
 * and a docker-registry behind a gate. At the end nothing of it may be left.
 */
export interface FaultStage extends AsyncDisposable {
  readonly local: LocalStage;
  readonly client: Client;
  readonly registry: DockerRegistry;
  readonly gate: RegistryGate;
  /** Puts an image into the registry; the reference to it, through the gate. */
  push(name: string, image: TestImage): Promise<string>;
  /** Submits an import that needs no packages; the job's id. */
  import(source: string, name: string, more?: Partial<FsImportInput>): Promise<string>;
  /** The record once it is in one of these states. */
  until(id: string, states: readonly JobState[], timeoutMs?: number): Promise<JobRecord>;
  /** The record of a job that succeeds, and its result. */
  success(id: string, timeoutMs?: number): Promise<{ record: JobRecord; result: FsImportResult }>;
  /** The pid of the one process of a kind, which is waited for. */
  pid(kind: 'supervisor' | 'server' | 'worker'): Promise<number>;
  /** What lies in the store. */
  store(): Promise<string[]>;
  /** Staging, mounts, and processes other than supervisor, server and worker. */
  leftovers(): Promise<string[]>;
}

/** The input of an import that makes no demands on the image. */
export function bareImport(source: string, name: string, more: Partial<FsImportInput> = {}): FsImportInput {
  return { ...fsImport.input.parse({ source, name, force: true, installPackages: 'no' }), ...more };
}

/** Opens a stage. Nothing of the queue runs before the first call of the client. */
export async function openFaultStage(options: FaultStageOptions = {}): Promise<FaultStage> {
  await using opening = new AsyncDisposableStack();
  const local = await openLocalStage(options.config);
  const { layout } = local;
  const directory = dirname(layout.dataDir);
  opening.defer(async () => {
    await local[Symbol.asyncDispose]();
    const left = [...(await processesOf(directory)).values(), ...(await mountsOf(directory))];
    assert.deepEqual(left, [], 'left behind by a stage');
  });
  if (options.disk !== undefined) opening.use(mountDisk(layout.dataDir, options.disk));
  // The processes end before the disk below them.
  opening.defer(() => endProcesses(local));
  const registry = opening.use(await startDockerRegistry());
  const gate = opening.use(await openRegistryGate(registry.host));
  const client = await local.client(options.programs === undefined ? {} : { programs: options.programs });
  const until: FaultStage['until'] = (id, states, timeoutMs = 30_000) =>
    waitFor(
      `${id} to be ${states.join(' or ')}`,
      async () => {
        const record = await client.show(id);
        if (states.includes(record.state)) return record;
        if (isEndState(record.state)) throw new Error(`${id} ended: ${JSON.stringify(record)}`);
        return undefined;
      },
      timeoutMs,
    );
  const ending = opening.move();
  return {
    local,
    client,
    registry,
    gate,
    push: async (name, image) => {
      await pushImage(registry.host, name, 'latest', [image]);
      return `${gate.host}/${name}:latest`;
    },
    import: async (source, name, more) =>
      (await client.submit('fs.import', bareImport(source, name, more))).id,
    until,
    success: async (id, timeoutMs = 30_000) => {
      const record = await client.wait(id, { signal: AbortSignal.timeout(timeoutMs) });
      assert.equal(record.state, 'succeeded', JSON.stringify(record.error));
      return { record, result: fsImport.result.parse(record.result) };
    },
    pid: (kind) => waitFor(`a ${kind}`, async () => (await local.pids(kind))[0]),
    store: async () => (await readdir(layout.fsDir).catch((): string[] => [])).sort(),
    leftovers: async () => {
      const own = new Set<number>();
      for (const kind of ['supervisor', 'server', 'worker'] as const) {
        for (const pid of await local.pids(kind)) own.add(pid);
      }
      const others = [...(await processesOf(directory))].filter(([pid]) => !own.has(pid));
      const staged = (await readdir(layout.fsDir).catch((): string[] => [])).filter((name) =>
        name.includes('-txn-'),
      );
      const mounts = await mountsOf(layout.fsDir);
      return [...others.map(([, line]) => line), ...staged, ...mounts];
    },
    [Symbol.asyncDispose]: () => ending.disposeAsync(),
  };
}

/** All children of a process, and theirs. */
export function descendants(pid: number): number[] {
  try {
    return childPids(pid).flatMap((child) => [child, ...descendants(child)]);
  } catch {
    // It has ended meanwhile.
    return [];
  }
}

/** Processes that name a directory, or have their root or working directory in it; never this one. */
async function processesOf(directory: string): Promise<Map<number, string>> {
  const found = new Map<number, string>();
  for (const name of await readdir('/proc')) {
    if (!/^[0-9]+$/.test(name) || Number(name) === process.pid) continue;
    const read = (file: string): Promise<string> => readFile(`/proc/${name}/${file}`, 'utf8').catch(() => '');
    const link = (file: string): Promise<string> => readlink(`/proc/${name}/${file}`).catch(() => '');
    const facts = [await read('cmdline'), await read('environ'), await link('root'), await link('cwd')];
    if (!facts.some((fact) => fact.includes(directory)) || !(await processLives(Number(name)))) continue;
    found.set(Number(name), facts[0]?.replaceAll('\0', ' ').trim() ?? '');
  }
  return found;
}

async function mountsOf(directory: string): Promise<string[]> {
  const lines = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n');
  return lines.filter((line) => line.includes(directory));
}

function mountDisk(place: string, size: string): Disposable {
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=755`, 'sdme-fault', place]);
  return { [Symbol.dispose]: () => void execFileSync('umount', [place]) };
}

/** Ends supervisors, and with them all else; one that is stopped or hangs is killed. */
async function endProcesses(local: LocalStage): Promise<void> {
  for (const kind of ['supervisor', 'worker', 'server'] as const) {
    for (const pid of await local.pids(kind)) {
      process.kill(pid, 'SIGCONT');
      process.kill(pid, 'SIGTERM');
      await waitFor(`the end of ${kind} ${pid}`, async () => !(await processLives(pid)), 45_000);
    }
  }
}

/** The number of regular files below a directory. */
export async function countFiles(directory: string): Promise<number> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).length;
}

/** Where the import of a name is being put together, once it is. */
export async function stagingOf(stage: FaultStage, name: string): Promise<string | undefined> {
  const { fsDir } = stage.local.layout;
  const found = (await stage.store()).find((file) => file.startsWith(`.${name}.import-txn-`));
  return found === undefined ? undefined : join(fsDir, found);
}
