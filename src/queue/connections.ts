import { Redis, type RedisOptions } from 'ioredis';
import { SdmeError } from '../base/errors.ts';
import { defineCommands } from './scripts/commands.ts';

/** Where a queue's server is: the embedded one's socket, or a URL (`redis://`, `rediss://` for TLS). */
export type QueueTarget = { readonly socket: string } | { readonly url: string };

export interface ConnectOptions {
  /** Shown by `CLIENT LIST`, e.g. `sdme-worker`. */
  readonly name: string;
  /**
   * How long, in milliseconds, the first connection may take and a command may wait for a broken one to come
   * back, before it is rejected with `queue.unavailable`. Infinity for workers, whose writes must not get lost.
   */
  readonly patienceMs: number;
  /** Called with what goes wrong while the connection is down; it is mended by itself. */
  readonly onError?: (error: Error) => void;
}

/** The connections of one process to one queue. Who opened it closes it. */
export interface QueueConnection extends AsyncDisposable {
  readonly target: QueueTarget;
  /** For all commands, with our scripts defined. BullMQ objects may share it. */
  readonly commands: Redis;
  /** For subscriptions only; made at the first call. After a break they have to be made anew. */
  subscriber(): Promise<Redis>;
  /** Ends the connections. What still waits for an answer is rejected. */
  close(): Promise<void>;
}

/** The options all connections share; `duplicate()` of one keeps them. Pure. */
export function redisOptions(
  target: QueueTarget,
  options: ConnectOptions,
): RedisOptions & { readonly replyMapping: 'legacy' } {
  const patient = options.patienceMs === Number.POSITIVE_INFINITY;
  return {
    ...('socket' in target ? { path: target.socket } : {}),
    connectionName: options.name,
    lazyConnect: true,
    // BullMQ requires null: a blocking command may wait for ever, and a worker's writes wait for the server.
    maxRetriesPerRequest: null,
    replyMapping: 'legacy',
    // What ioredis does by itself here it does without looking at the outcome: a connection that ends or a server that
    // is silent meanwhile is an unhandled rejection, which ends the process. See openHints.
    autoResubscribe: false,
    retryStrategy: (times) => Math.min(50 * 2 ** Math.min(times, 5), 1_000),
    ...(patient ? {} : { commandTimeout: Math.max(options.patienceMs, 1_000) }),
  };
}

/** Connects, and waits until the server answers. @throws SdmeError `queue.unavailable` after `patienceMs` */
export async function connectQueue(target: QueueTarget, options: ConnectOptions): Promise<QueueConnection> {
  const make = (): Redis => {
    const settings = redisOptions(target, options);
    const redis = 'url' in target ? new Redis(target.url, settings) : new Redis(settings);
    redis.on('error', (error: Error) => options.onError?.(error));
    return redis;
  };
  const commands = make();
  defineCommands(commands);
  await ready(commands, target, options.patienceMs);
  let subscribing: Promise<Redis> | undefined;
  const close = async (): Promise<void> => {
    end(commands);
    const subscriber = await subscribing?.catch(() => undefined);
    if (subscriber !== undefined) end(subscriber);
  };
  return {
    target,
    commands,
    subscriber: () => {
      subscribing ??= (async () => {
        const redis = make();
        await ready(redis, target, options.patienceMs);
        return redis;
      })().catch((error: unknown) => {
        // Who asks again later may find the server.
        subscribing = undefined;
        throw error;
      });
      return subscribing;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/**
 * Ends a connection, and rejects what waits for it. Between two tries to connect, ioredis only drops the next try
 * and leaves commands pending for ever; it ends one that has never connected ("wait") as it should.
 */
function end(redis: Redis): void {
  redis.disconnect();
  if (redis.status !== 'reconnecting') return;
  redis.status = 'wait';
  redis.disconnect();
}

/** How a target is named in messages; a URL's password stays out of them. */
export function describeTarget(target: QueueTarget): string {
  if ('socket' in target) return target.socket;
  try {
    const url = new URL(target.url);
    return `${url.protocol}//${url.host}${url.pathname}`;
  } catch {
    return 'the configured queue_url';
  }
}

async function ready(redis: Redis, target: QueueTarget, patienceMs: number): Promise<void> {
  let last: unknown;
  const note = (error: Error): void => {
    last = error;
  };
  redis.on('error', note);
  const unavailable = (): SdmeError =>
    new SdmeError('queue.unavailable', `cannot reach the queue at ${describeTarget(target)}`, {
      cause: last,
    });
  let timer: NodeJS.Timeout | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      redis.once('ready', resolve);
      redis.once('end', () => reject(unavailable()));
      // A refused first try rejects here, while the retry strategy goes on trying.
      redis.connect().catch(note);
      if (patienceMs !== Number.POSITIVE_INFINITY)
        timer = setTimeout(() => reject(unavailable()), patienceMs);
    });
  } catch (error) {
    end(redis);
    throw error;
  } finally {
    clearTimeout(timer);
    redis.off('error', note);
  }
}
