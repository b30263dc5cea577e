import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { fromErrorRecord, SdmeError } from '../../base/errors.ts';
import { setprivList } from '../../system/capabilities.ts';
import { packetPair, sendPacket } from '../../system/descriptor-passing.ts';
import { plainEnvironment } from '../../system/exec/run.ts';
import { startCapabilities } from './confine.ts';
import { type ChildMessage, type ChildStart, childMessage, type LayerOrder } from './protocol.ts';

type Done = Extract<ChildMessage, { type: 'done' }>;

/** The unpacker's process, seen from its owner. Disposal kills it and waits until it is gone. */
export interface Unpacker extends AsyncDisposable {
  /** Has the child apply a layer, and settles when it has. `fd` may be closed once this has returned. */
  apply(order: LayerOrder, fd: number, onBytes: (bytes: number) => void): Promise<void>;
  /** Says that no more layers come; settles when the tree is complete. */
  finish(): Promise<Done>;
  /** Rejects when the child fails or ends, whatever it is doing. Never settles otherwise. */
  readonly failed: Promise<never>;
}

/** V8's heap of the child; contents of files are not on it. */
const heapMegabytes = 128;

function startProcess(start: ChildStart, socket: number): ChildProcess {
  const capabilities = setprivList(startCapabilities);
  const confinement = [
    ['--pdeathsig', 'KILL'],
    ['--no-new-privs'],
    ['--bounding-set', capabilities],
    ['--inh-caps', '-all'],
    ['--ambient-caps', '-all'],
  ].flat();
  const entry = fileURLToPath(new URL('./child.ts', import.meta.url));
  const node = [process.execPath, `--max-old-space-size=${heapMegabytes}`, entry, JSON.stringify(start)];
  return spawn('setpriv', [...confinement, '--', ...node], {
    cwd: '/',
    env: { ...plainEnvironment },
    stdio: ['ignore', 'pipe', 'pipe', socket],
  });
}

/** Starts the unpacker's process. @throws nothing: a start that fails makes `failed` reject */
export function startUnpacker(start: Omit<ChildStart, 'parent'>): Unpacker {
  const [ours, theirs] = packetPair();
  const child = startProcess({ ...start, parent: process.pid }, theirs);
  closeSync(theirs);
  let socket: number | undefined = ours;
  const closeSocket = (): void => {
    if (socket !== undefined) closeSync(socket);
    socket = undefined;
  };

  const waiting: { message: (message: ChildMessage) => void }[] = [];
  let problem: SdmeError | undefined;
  let said = '';
  const failed = Promise.withResolvers<never>();
  // Whoever waits for a layer hears of it; without a waiter it is no unhandled rejection.
  failed.promise.catch(() => {});
  const ended = new Promise<void>((resolve) => {
    child.once('error', (cause) => {
      failed.reject(
        new SdmeError('process.failed', 'cannot start the unpacker; is util-linux installed?', { cause }),
      );
      resolve();
    });
    child.once('close', (code, signal) => {
      const how = signal === null ? `exited with code ${code}` : `was ended by ${signal}`;
      const tail = said.trim() === '' ? '' : `: ${said.trim().slice(-600)}`;
      failed.reject(problem ?? new SdmeError('process.failed', `the unpacker ${how}${tail}`));
      resolve();
    });
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString('utf8')).slice(-4096);
  });
  if (child.stdout !== null) {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const message = childMessage.parse(JSON.parse(line));
      if (message.type === 'failed') problem = fromErrorRecord(message.error);
      else waiting[0]?.message(message);
    });
  }

  /** Waits for a message of the child that `take` takes as an answer; answers come in the order of the questions. */
  const answer = <T>(take: (message: ChildMessage) => T | undefined): Promise<T> => {
    const { promise, resolve } = Promise.withResolvers<T>();
    waiting.push({
      message: (message) => {
        const result = take(message);
        if (result === undefined) return;
        waiting.shift();
        resolve(result);
      },
    });
    return Promise.race([promise, failed.promise]);
  };

  return {
    apply: async (order, fd, onBytes) => {
      if (socket === undefined) throw new SdmeError('internal', 'the unpacker takes no more layers');
      try {
        sendPacket(socket, JSON.stringify(order), fd);
      } catch {
        // Its end is broken: how it failed says more.
        return failed.promise;
      }
      await answer((message) => {
        if (message.type === 'progress' || message.type === 'layer') onBytes(message.bytes);
        return message.type === 'layer' ? true : undefined;
      });
    },
    finish: () => {
      closeSocket();
      return answer((message) => (message.type === 'done' ? message : undefined));
    },
    failed: failed.promise,
    [Symbol.asyncDispose]: async () => {
      closeSocket();
      child.kill('SIGKILL');
      await ended;
    },
  };
}
