/*
 * The main job, end to end, as a person would type it: `npm run demo [-- REFERENCE]`. Runs on a host with systemd;
 * `.ci/demo` boots a test host where there is none. Uses the command line only, with directories of its own.
 */
import { spawn } from 'node:child_process';
import { access, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { styleText } from 'node:util';
import { profileProblem } from '../src/nspawn/apparmor.ts';
import { strictApparmorProfile } from '../src/security/index.ts';
import { outsideTestHost } from './helpers/container-host.ts';
import { debianImage, pushLayout } from './helpers/debian-image.ts';
import { type DockerRegistry, startDockerRegistry } from './helpers/docker-registry.ts';
import { waitFor } from './helpers/wait-for.ts';

const sdme = join(import.meta.dirname, '../sdme');
const idleSeconds = 2;
const unitTemplate = '/etc/systemd/system/sdme@.service';

const interrupted = new AbortController();
process.on('SIGINT', () => interrupted.abort());
process.on('SIGTERM', () => interrupted.abort());

function tell(text: string): void {
  console.log(`\n${styleText('bold', text)}`);
}

/** A stage of the demo's own: data, sockets and configuration, gone with it. */
interface Stage extends AsyncDisposable {
  /** Occurs in the paths of its directories and nowhere else. */
  readonly name: string;
  readonly environment: NodeJS.ProcessEnv;
}

async function openStage(): Promise<Stage> {
  // In the test host only tmpfs can carry overlays; its root is one itself.
  const inTestHost = process.env.SDME_TEST_ON_HOST !== '1' && outsideTestHost() === false;
  const dataDir = await mkdtemp(join(inTestHost ? '/var/lib/sdme' : '/var/lib', 'sdme-demo-'));
  const name = basename(dataDir);
  const runDir = join('/run', name);
  const config = join(dataDir, 'sdme.conf');
  await writeFile(config, `queue_idle_seconds = ${idleSeconds}\n`);
  const templateWasThere = await exists(unitTemplate);
  return {
    name,
    environment: { ...process.env, SDME_DATADIR: dataDir, SDME_RUNDIR: runDir, SDME_CONFIG: config },
    [Symbol.asyncDispose]: async () => {
      await rm(runDir, { recursive: true, force: true });
      await rm(dataDir, { recursive: true, force: true });
      if (!templateWasThere) await rm(unitTemplate, { force: true });
    },
  };
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** A word as it is typed at a shell. */
const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

/** Runs `sdme` with the demo's directories; its messages go to the person, its result is returned and shown. */
type Sdme = (...args: readonly string[]) => Promise<string>;

function commandLine(environment: NodeJS.ProcessEnv, show: boolean): Sdme {
  return async (...args) => {
    if (show) console.log(styleText('cyan', `\n$ sdme ${args.map(quoted).join(' ')}`));
    // What a terminal makes of it is worth seeing for all that prints no result to be used here.
    const keep = !show || args.includes('--detach');
    const child = spawn(sdme, args, {
      env: environment,
      stdio: ['ignore', keep ? 'pipe' : 'inherit', show ? 'inherit' : 'ignore'],
    });
    const chunks: Buffer[] = [];
    child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (...end) => resolve(end));
    });
    const text = Buffer.concat(chunks).toString().trim();
    if (show && keep) console.log(text);
    if (code !== 0) throw new Error(`sdme ${args.join(' ')} ended with ${code ?? signal}`);
    return text;
  };
}

/** The reference to import: the given one, or a Debian made from packages and served by a registry on loopback. */
async function reference(
  given: string | undefined,
  stack: AsyncDisposableStack,
): Promise<{ source: string; fs: string }> {
  const fs = 'demo-fs';
  if (given !== undefined) return { source: given, fs };
  tell('No reference given: a Debian image made from Debian packages, in a real registry on loopback');
  const { layout } = await debianImage();
  const registry: DockerRegistry = stack.use(await startDockerRegistry());
  await pushLayout(layout, 'trixie', registry.host, 'library/debian:trixie');
  return { source: `${registry.host}/library/debian:trixie`, fs };
}

/** The strict tier wants a profile of AppArmor. Where it cannot be had there is one way out, and it is said. */
async function profileFlags(): Promise<string[]> {
  const profiles = await readFile('/sys/kernel/security/apparmor/profiles', 'utf8').catch(() => undefined);
  const problem = profileProblem(strictApparmorProfile, profiles);
  if (problem === undefined) return [];
  console.log(`${problem}. So the demo does.`);
  return ['--apparmor-profile', 'unconfined'];
}

async function demo(given: string | undefined): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const stage = stack.use(await openStage());
  const run = commandLine(stage.environment, true);
  const quietly = commandLine(stage.environment, false);
  const { source, fs } = await reference(given, stack);
  const container = `demo-${process.pid}`;
  let finished = false;
  const undo = async (...args: readonly string[]): Promise<void> => {
    if (!finished) await quietly(...args).catch(() => undefined);
  };
  const check = (): void => {
    if (interrupted.signal.aborted) throw new Error('interrupted');
  };
  stack.defer(() => ended(stage));

  tell('The import is a job: submitting it starts the embedded queue and a worker');
  const job = await run(
    'fs',
    'import',
    source,
    `--name=${fs}`,
    '--oci-mode=base',
    '--install-packages=yes',
    '--detach',
  );
  stack.defer(() => undo('fs', 'rm', fs));
  stack.defer(() => undo('job', 'cancel', job));
  await run('job', 'watch', job);
  await run('fs', 'ls');
  check();

  tell('A container of it, in the strict tier');
  stack.defer(() => undo('rm', container));
  await run('create', '--name', container, '-r', fs, '--strict', ...(await profileFlags()));
  check();
  await run('start', container);
  await run('ps');
  check();

  tell('A command inside, where systemd is PID 1 too');
  await run(
    'exec',
    container,
    '--',
    '/bin/sh',
    '-c',
    '. /etc/os-release; echo "$PRETTY_NAME on $(cat /proc/1/comm)"',
  );
  await run('exec', container, '--', 'systemctl', 'is-system-running');
  check();

  tell('What the queue remembers');
  await run('job', 'ls');
  await run('job', 'show', job);
  check();

  tell('What the kernel holds the container to');
  await run('security', 'show', container);
  check();

  tell('And away with it');
  await run('stop', container);
  await run('rm', container);
  await run('fs', 'rm', fs);
  finished = true;
}

/** Waits until the queue and the worker have ended for want of work. */
async function ended({ name }: Stage): Promise<void> {
  tell(`The queue and the worker end by themselves after ${idleSeconds} s without work`);
  await waitFor('the end of the queue and the worker', async () => !(await processesNaming(name)), 60_000);
}

/** Whether a process names the demo's directories in its arguments or environment. */
async function processesNaming(text: string): Promise<boolean> {
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    const words = await Promise.all(
      ['cmdline', 'environ'].map((file) => readFile(`/proc/${pid}/${file}`, 'latin1').catch(() => '')),
    );
    if (words.some((word) => word.includes(text))) return true;
  }
  return false;
}

/** What went wrong, and what went wrong then while it was cleared away. */
function reasonsOf(error: unknown): string[] {
  if (error instanceof SuppressedError) return [...reasonsOf(error.suppressed), ...reasonsOf(error.error)];
  return [error instanceof Error ? error.message : String(error)];
}

try {
  await demo(process.argv[2]);
  tell('Done');
} catch (error) {
  for (const reason of reasonsOf(error)) console.error(`\ndemo: ${reason}`);
  process.exitCode = interrupted.signal.aborted ? 130 : 1;
}
