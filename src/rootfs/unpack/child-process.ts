import { closeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { fromErrorRecord, SdmeError } from '../../base/errors.ts';
import { packetPair, sendPacket } from '../../system/descriptor-passing.ts';
import { startConfinedNode } from '../../system/exec/confined-node.ts';
import { startCapabilities } from './confine.ts';
import type { GrowingFile } from './layer-source.ts';
import {
  type ChildMessage,
  type ChildStart,
  childMessage,
  type Growth,
  type LayerOrder,
  type RootOrder,
} from './protocol.ts';

type Done = Extract<ChildMessage, { type: 'done' }>;

/** A layer as the child gets it. */
export interface OrderedLayer {
  readonly order: LayerOrder;
  readonly fd: number;
  readonly onBytes: (bytes: number) => void;
  /** Present when the file grows. */
  readonly beyond?: GrowingFile['beyond'] | undefined;
}

/** The unpacker's process, seen from its owner. Disposal kills it and waits until it is gone. */
export interface Unpacker extends AsyncDisposable {
  /** Has the child make an empty directory its root, before the first layer. */
  enter(target: string): void;
  /**
   * Has the child apply a layer, and settles when it has; the descriptor may be closed then.
   * @throws why the child failed, or why a file that grows does not go on
   */
  apply(layer: OrderedLayer): Promise<void>;
  /** Says that no more layers come; settles when the tree is complete. */
  finish(): Promise<Done>;
  /** Rejects when the child fails or ends, whatever it is doing. Never settles otherwise. */
  readonly failed: Promise<never>;
}

/** V8's heap of the child; contents of files are not on it. */
const heapMegabytes = 128;

/** Starts the unpacker's process. @throws nothing: a start that fails makes `failed` reject */
export function startUnpacker(start: Omit<ChildStart, 'parent'>): Unpacker {
  const [ours, theirs] = packetPair();
  const waiting: { message: (message: ChildMessage) => void }[] = [];
  let problem: SdmeError | undefined;
  const hear = (line: string): void => {
    try {
      const message = childMessage.parse(JSON.parse(line));
      if (message.type === 'failed') problem = fromErrorRecord(message.error);
      else waiting[0]?.message(message);
    } catch (cause) {
      // The child reads what strangers made: what it says is not trusted to be well formed.
      problem = new SdmeError('internal', 'the unpacker said something that is no answer', { cause });
      child.kill();
    }
  };
  const child = startConfinedNode({
    entry: fileURLToPath(new URL('./child.ts', import.meta.url)),
    argument: JSON.stringify({ ...start, parent: process.pid } satisfies ChildStart),
    capabilities: startCapabilities,
    heap: heapMegabytes,
    socket: theirs,
    onLine: (line) => hear(line),
  });
  closeSync(theirs);
  let socket: number | undefined = ours;
  const closeSocket = (): void => {
    if (socket !== undefined) closeSync(socket);
    socket = undefined;
  };
  const failed = Promise.withResolvers<never>();
  // Whoever waits for a layer hears of it; without a waiter it is no unhandled rejection.
  failed.promise.catch(() => {});
  const ended = child.ended.then((how) => {
    failed.reject(problem ?? new SdmeError('process.failed', `the unpacker ${how}`));
  });

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

  const send = (message: RootOrder | LayerOrder | Growth, fd?: number): void => {
    if (socket === undefined) throw new SdmeError('internal', 'the unpacker takes no more layers');
    try {
      sendPacket(socket, JSON.stringify(message), fd);
    } catch {
      // Its end is broken: `failed` says how.
    }
  };

  return {
    enter: (target) => send({ target }),
    apply: async ({ order, fd, onBytes, beyond }) => {
      const broken = Promise.withResolvers<never>();
      const supply = async (have: number): Promise<void> => {
        if (beyond === undefined)
          throw new SdmeError('internal', 'the unpacker waits for a file that is whole');
        send({ length: await beyond(have) });
      };
      send(order, fd);
      const applied = answer((message) => {
        if (message.type === 'progress' || message.type === 'layer') onBytes(message.bytes);
        if (message.type === 'more') supply(message.have).catch(broken.reject);
        return message.type === 'layer' ? true : undefined;
      });
      await Promise.race([applied, broken.promise]);
    },
    finish: () => {
      closeSocket();
      return answer((message) => (message.type === 'done' ? message : undefined));
    },
    failed: failed.promise,
    [Symbol.asyncDispose]: async () => {
      closeSocket();
      child.kill();
      await ended;
    },
  };
}
