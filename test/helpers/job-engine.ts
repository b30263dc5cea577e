import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Contract, JobLimits, JobRecord, JobState } from '../../src/contracts/index.ts';
import { connectQueue, type QueueConnection } from '../../src/queue/connections.ts';
import { newJobBody } from '../../src/queue/envelope.ts';
import { openRecords, type Records } from '../../src/queue/records.ts';
import { openSubmitter, type Submission, type Submitter } from '../../src/queue/submission.ts';
import type { TestWorkerArguments } from '../redis/fixtures/worker-main.ts';
import { startRedis, type TestRedis } from './redis-server.ts';
import { waitFor } from './wait-for.ts';

const workerFile = fileURLToPath(new URL('../redis/fixtures/worker-main.ts', import.meta.url));

/** A worker process of a test. */
export interface TestWorker {
  readonly pid: number;
  readonly stderr: () => string;
  /** The last line it printed, its end's reason, once it has ended. */
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null; reason: string }>;
  kill(signal: NodeJS.Signals): void;
}

/** One line that a test handler left. */
export interface Effect {
  readonly what: string;
  readonly id: string;
  readonly pid: number;
  readonly at: number;
}

/** A queue server, a directory and workers of one test, all ended with it. */
export interface Engine extends AsyncDisposable {
  readonly dir: string;
  readonly host: string;
  readonly redis: TestRedis;
  readonly connection: QueueConnection;
  readonly records: Records;
  readonly submitter: Submitter;
  startWorker(options?: Partial<TestWorkerArguments>): Promise<TestWorker>;
  submit<Input>(
    contract: Contract<string, Input, unknown>,
    input: Input,
    options?: { key?: string; limits?: Partial<JobLimits>; id?: string },
  ): Promise<Submission>;
  effects(): Promise<Effect[]>;
  record(id: string): Promise<JobRecord>;
  until(id: string, states: readonly JobState[], timeoutMs?: number): Promise<JobRecord>;
}

/** Starts a server; `extra` are arguments of redis-server. */
export async function startEngine(extra: readonly string[] = []): Promise<Engine> {
  await using starting = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), 'sdme-engine-'));
  starting.defer(() => rm(dir, { recursive: true, force: true }));
  const redis = starting.use(await startRedis(extra));
  const connection = starting.use(
    await connectQueue({ socket: redis.socket }, { name: 'test', patienceMs: 60_000 }),
  );
  const workers: { child: ChildProcess; gone: Promise<unknown> }[] = [];
  starting.defer(async () => {
    for (const { child } of workers) child.kill('SIGKILL');
    await Promise.all(workers.map(({ gone }) => gone));
  });
  const records = openRecords(connection);
  const submitter = openSubmitter(connection);
  starting.defer(() => submitter.close());
  const host = 'h1';
  const record = async (id: string): Promise<JobRecord> => {
    const found = await records.read(id);
    if (found === undefined) throw new Error(`no record of ${id}`);
    return found;
  };
  const all = starting.move();
  return {
    dir,
    host,
    redis,
    connection,
    records,
    submitter,
    startWorker: async (options = {}) => {
      const given: TestWorkerArguments = { dir, socket: redis.socket, host, ...options };
      const child = spawn(process.execPath, [workerFile, JSON.stringify(given)], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      return ownWorker(child, workers);
    },
    submit: async (contract, input, options = {}) => {
      const body = newJobBody(contract, contract.input.parse(input), {
        host,
        ...(options.key === undefined ? {} : { idempotencyKey: options.key }),
        ...(options.limits === undefined ? {} : { limits: options.limits }),
        ...(options.id === undefined ? {} : { id: options.id }),
      });
      const job = { body, subject: contract.subject(input), attempts: contract.retry.attempts };
      const [answer] = await submitter.submit([job]);
      if (answer === undefined) throw new Error('no answer to a submission');
      return answer;
    },
    effects: async () => {
      const text = await readFile(join(dir, 'effects'), 'utf8').catch(() => '');
      return text.split('\n').filter(Boolean).map(parseEffect);
    },
    record,
    until: (id, states, timeoutMs) =>
      waitFor(
        `${id} to be ${states.join(' or ')}`,
        async () => {
          const now = await record(id);
          return states.includes(now.state) ? now : undefined;
        },
        timeoutMs,
      ),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

function ownWorker(
  child: ChildProcess,
  workers: { child: ChildProcess; gone: Promise<unknown> }[],
): TestWorker {
  let out = '';
  let err = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    err += chunk.toString();
    if (process.env.SDME_TEST_LOG !== undefined) process.stderr.write(chunk);
  });
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null; reason: string }>(
    (resolve) => {
      child.once('close', (code, signal) => resolve({ code, signal, reason: out.trim() }));
    },
  );
  workers.push({ child, gone: ended });
  return {
    pid: child.pid ?? 0,
    stderr: () => err,
    ended,
    kill: (signal) => {
      child.kill(signal);
    },
  };
}

function parseEffect(line: string): Effect {
  const [what = '', id = '', pid = '', at = ''] = line.split(' ');
  return { what, id, pid: Number(pid), at: Number(at) };
}
