import { createConnection } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { SdmeError } from '../base/errors.ts';

/** What a server on the socket says to a PING: `loading` while it still reads its append-only file. */
export type EmbeddedAnswer = 'ready' | 'loading' | 'none';

/**
 * Sends one command over the unix socket and returns the first line of the answer, or undefined when nobody
 * answers within `timeoutMs`. Without a client library, so that the fast path of every verb stays fast.
 */
export function askSocket(
  socketPath: string,
  command: readonly string[],
  timeoutMs: number,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createConnection({ path: socketPath });
    let text = '';
    const finish = (answer: string | undefined): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => finish(undefined), timeoutMs);
    socket.setEncoding('utf8');
    socket.once('connect', () => socket.write(encodeCommand(command)));
    socket.on('data', (chunk: string) => {
      text += chunk;
      const end = text.indexOf('\r\n');
      if (end >= 0) finish(text.slice(0, end));
    });
    socket.once('close', () => finish(undefined));
    socket.on('error', () => finish(undefined));
  });
}

/** A command in the Redis protocol (RESP2, array of bulk strings). */
export function encodeCommand(command: readonly string[]): string {
  const parts = command.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`);
  return `*${command.length}\r\n${parts.join('')}`;
}

/** Whether the embedded server is there. Takes under a millisecond when it is. */
export async function probeEmbedded(socketPath: string, timeoutMs = 1_000): Promise<EmbeddedAnswer> {
  const answer = await askSocket(socketPath, ['PING'], timeoutMs);
  if (answer === '+PONG') return 'ready';
  return answer?.startsWith('-LOADING') === true ? 'loading' : 'none';
}

/**
 * Waits until the server on the socket takes commands. Reading a long append-only file takes a while, so
 * `loading` waits on; `alive` says whether waiting still makes sense.
 * @throws SdmeError `queue.unavailable` after `timeoutMs` without any answer, or when `alive` says no
 */
export async function waitEmbedded(
  socketPath: string,
  options: { readonly timeoutMs: number; readonly signal?: AbortSignal; readonly alive?: () => boolean },
): Promise<void> {
  let silentSince = Date.now();
  for (;;) {
    options.signal?.throwIfAborted();
    const answer = await probeEmbedded(socketPath);
    if (answer === 'ready') return;
    if (answer === 'loading') silentSince = Date.now();
    if (Date.now() - silentSince > options.timeoutMs || options.alive?.() === false) {
      throw new SdmeError('queue.unavailable', `the embedded queue at ${socketPath} does not answer`);
    }
    await delay(answer === 'loading' ? 100 : 10, undefined, options.signal && { signal: options.signal });
  }
}

/** Ends a server that nobody owns any more and waits until its socket is dead. */
export async function shutdownEmbedded(socketPath: string, timeoutMs: number): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while ((await probeEmbedded(socketPath)) !== 'none') {
    if (Date.now() > deadline) {
      throw new SdmeError('queue.unavailable', `an old server at ${socketPath} does not end; end it by hand`);
    }
    await askSocket(socketPath, ['SHUTDOWN'], 2_000);
    await delay(20);
  }
}
