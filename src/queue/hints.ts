import type { Redis } from 'ioredis';
import type { QueueConnection } from './connections.ts';

/** Subscriptions to hints over one connection. */
export interface Hints {
  /**
   * Calls back for every message on a channel, and once with undefined whenever the connection was made anew:
   * messages may have been missed, so look again. Resolves when the subscription stands.
   */
  listen(channel: string, onHint: (message: string | undefined) => void): Promise<AsyncDisposable>;
}

/** Without its subscriptions a connection is of no use: another is made, unless that is under way or it is closed. */
function tryAgain(redis: Redis): void {
  if (redis.status === 'ready') redis.disconnect(true);
}

/** Opens hints; the connection's owner ends them with it. */
export function openHints(connection: Pick<QueueConnection, 'subscriber'>): Hints {
  const listeners = new Map<string, Set<(message: string | undefined) => void>>();
  let opening: Promise<Redis> | undefined;
  /** What was said while the connection was away is lost. */
  const lookAgain = (): void => {
    for (const group of listeners.values()) for (const listener of group) listener(undefined);
  };
  const open = async (): Promise<Redis> => {
    const redis = await connection.subscriber();
    redis.on('message', (channel: string, message: string) => {
      for (const listener of listeners.get(channel) ?? []) listener(message);
    });
    redis.on('ready', () => {
      if (listeners.size > 0) redis.subscribe(...listeners.keys()).then(lookAgain, () => tryAgain(redis));
    });
    return redis;
  };
  return {
    listen: async (channel, onHint) => {
      opening ??= open().catch((error: unknown) => {
        opening = undefined;
        throw error;
      });
      const redis = await opening;
      const group = listeners.get(channel) ?? new Set();
      listeners.set(channel, group);
      group.add(onHint);
      const end = async (): Promise<void> => {
        group.delete(onHint);
        if (group.size > 0 || listeners.get(channel) !== group) return;
        listeners.delete(channel);
        if (redis.status === 'ready') await redis.unsubscribe(channel).catch(() => undefined);
      };
      try {
        await redis.subscribe(channel);
      } catch (error) {
        await end();
        throw error;
      }
      return { [Symbol.asyncDispose]: end };
    },
  };
}
