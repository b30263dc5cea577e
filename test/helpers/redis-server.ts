import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';

/** A real redis-server of one test, on a unix socket in its own directory, with the embedded queue's settings. */
export interface TestRedis extends AsyncDisposable {
  readonly dir: string;
  readonly socket: string;
  /** Ends the server as a crash would. */
  kill(): Promise<void>;
  /** Starts it again over the same data. */
  start(): Promise<void>;
}

/** Starts a server and waits until it answers. `extra` are more arguments, e.g. `['--maxmemory', '4mb']`. */
export async function startRedis(extra: readonly string[] = []): Promise<TestRedis> {
  const dir = await mkdtemp(join(tmpdir(), 'sdme-redis-'));
  const socket = join(dir, 'queue.sock');
  let child: ChildProcess | undefined;
  const kill = async (): Promise<void> => {
    const running = child;
    child = undefined;
    if (running === undefined || running.exitCode !== null) return;
    const gone = new Promise((resolve) => running.once('exit', resolve));
    running.kill('SIGKILL');
    await gone;
  };
  const start = async (): Promise<void> => {
    const settings = {
      port: '0',
      unixsocket: socket,
      unixsocketperm: '600',
      dir,
      appendonly: 'yes',
      appendfsync: 'always',
      save: '',
      'maxmemory-policy': 'noeviction',
    };
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
    child = spawn('redis-server', [...args, ...extra], { stdio: 'ignore' });
    await answering(socket);
  };
  await start();
  return {
    dir,
    socket,
    kill,
    start,
    [Symbol.asyncDispose]: async () => {
      await kill();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function answering(socket: string): Promise<void> {
  const redis = new Redis({
    path: socket,
    maxRetriesPerRequest: null,
    retryStrategy: () => 20,
    replyMapping: 'legacy',
  });
  redis.on('error', () => {});
  try {
    await redis.ping();
  } finally {
    redis.disconnect();
  }
}
