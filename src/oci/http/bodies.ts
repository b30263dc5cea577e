import type { IncomingMessage } from 'node:http';
import { SdmeError } from '../../base/errors.ts';
import { networkFailure } from './failures.ts';
import type { Answer } from './transport.ts';

/** Bytes that must come within one silence limit, so that one byte a second is silence too (unpack-cases I11). */
const leastBytes = 16 * 1024;

/**
 * Ends a body that falls silent: fewer than 16 KiB in a whole `limitMs` while its reader waited for more. Returns
 * the function that ends the watch.
 */
export function watchSilence(body: IncomingMessage, limitMs: number, host: string): () => void {
  const { socket } = body;
  let before = socket.bytesRead;
  const timer = setInterval(() => {
    const received = socket.bytesRead - before;
    before = socket.bytesRead;
    // While unread bytes lie here, it is our side that is slow.
    if (received >= leastBytes || body.readableLength > 0) return;
    body.destroy(
      new SdmeError('oci.network', `${host} sent next to nothing for ${limitMs / 1000} s`, {
        facts: { host },
      }),
    );
  }, limitMs);
  return () => clearInterval(timer);
}

/**
 * Reads a body of at most `limit` bytes; the rest is cut off with the connection. With `cut`, a longer body gives
 * its beginning, else an error. @throws SdmeError `oci.limit`, `oci.network`; the signal's reason
 */
export async function readBody(
  answer: Answer,
  limit: number,
  options: {
    readonly silenceMs: number;
    readonly signal: AbortSignal;
    readonly cut?: boolean;
    readonly what: string;
  },
): Promise<Buffer> {
  const { body, url } = answer;
  const unwatch = watchSilence(body, options.silenceMs, url.host);
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of body) {
      if (!Buffer.isBuffer(chunk)) throw new SdmeError('internal', 'a body gave text');
      length += chunk.length;
      chunks.push(chunk);
      if (length > limit) break;
    }
  } catch (error) {
    options.signal.throwIfAborted();
    throw networkFailure(error, url.host);
  } finally {
    unwatch();
    body.destroy();
  }
  if (length > limit && options.cut !== true) {
    throw new SdmeError('oci.limit', `${options.what} is larger than ${limit} bytes`);
  }
  return Buffer.concat(chunks).subarray(0, limit);
}
