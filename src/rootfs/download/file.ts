import { type FileHandle, open } from 'node:fs/promises';
import type { Context, ProgressItem } from '../../base/context.ts';
import { SdmeError, toSdmeError } from '../../base/errors.ts';
import { formatSize } from '../../base/sizes.ts';
import type { Settings } from '../../config/schema.ts';
import { watchSilence } from '../../oci/http/bodies.ts';
import { networkFailure } from '../../oci/http/failures.ts';
import type { Environment } from '../../oci/http/proxies.ts';
import { defaultRetry, pause, progressBytes, retryDelay } from '../../oci/http/retry.ts';
import { type Answer, openTransport, type Transport } from '../../oci/http/transport.ts';
import { diskError } from '../disk-errors.ts';
import { planBody } from './answer.ts';
import { startUrl } from './redirects.ts';
import { answerFacts, askFor } from './request.ts';

/** What a download needs. */
export interface DownloadRequest {
  readonly url: string;
  /** Path of the file to make; must not exist. The caller removes it. */
  readonly file: string;
  readonly settings: Pick<Settings, 'http_timeout' | 'http_body_timeout' | 'max_download_size'>;
  readonly item: ProgressItem;
  /** Names proxies, if there are any. */
  readonly environment: Environment;
}

/** A finished download. */
export interface Downloaded {
  readonly size: number;
  /** Of the last answer; empty when it had none. */
  readonly contentType: string;
}

/**
 * What is known between two tries. `validator` (a strong ETag, else Last-Modified) makes sure that both bring
 * parts of one file; without one the next try starts over (RFC 9110, 13.1.5).
 */
interface Partial {
  have: number;
  validator: string | undefined;
  contentType: string;
}

/** One download under way. */
interface Work {
  readonly ctx: Context;
  readonly url: URL;
  readonly transport: Transport;
  readonly handle: FileHandle;
  readonly wanted: DownloadRequest;
  readonly partial: Partial;
}

function tooLarge(url: URL, limit: number): SdmeError {
  return new SdmeError(
    'oci.limit',
    `${url.href} is larger than max_download_size (${formatSize(limit)}); raise it in the configuration`,
  );
}

/** A strong ETag, or the date of the last change: what If-Range takes. */
function validatorOf(answer: Answer): string | undefined {
  const { etag } = answer.headers;
  return etag?.startsWith('"') ? etag : answer.headers['last-modified'];
}

/** Asks for what is missing, on condition that it is of the same file. */
function resumeHeaders(partial: Partial): Record<string, string> {
  const { validator } = partial;
  if (validator === undefined) partial.have = 0;
  if (validator === undefined || partial.have === 0) return {};
  return { range: `bytes=${partial.have}-`, 'if-range': validator };
}

/** Writes a body from `partial.have` on. @throws SdmeError `oci.network` when it broke off or fell silent */
async function writeBody(
  { ctx, url, handle, wanted, partial }: Work,
  answer: Answer,
  total: number | undefined,
) {
  const { settings, item } = wanted;
  const unwatch = watchSilence(answer.body, settings.http_body_timeout * 1000, url.host);
  try {
    for await (const chunk of answer.body) {
      if (!Buffer.isBuffer(chunk)) throw new SdmeError('internal', 'a body gave text');
      if (partial.have + chunk.length > settings.max_download_size) {
        throw tooLarge(url, settings.max_download_size);
      }
      await handle.write(chunk, 0, chunk.length, partial.have).catch((error) => {
        throw diskError(error, wanted.file);
      });
      partial.have += chunk.length;
      item.set(partial.have, total);
    }
  } catch (error) {
    ctx.signal.throwIfAborted();
    throw networkFailure(error, url.host);
  } finally {
    unwatch();
  }
}

/** One try: asks for what is missing and writes what comes. */
async function fetchPart(work: Work): Promise<void> {
  const { url, handle, partial, wanted } = work;
  const limit = wanted.settings.max_download_size;
  const answer = await askFor(work.transport, url, resumeHeaders(partial), work.ctx.signal);
  try {
    const plan = planBody(url.href, answerFacts(answer), partial.have, Date.now());
    if (plan.total !== undefined && plan.total > limit) throw tooLarge(url, limit);
    if (plan.from === 0) await handle.truncate(0);
    partial.have = plan.from;
    partial.validator = validatorOf(answer);
    partial.contentType = answer.headers['content-type'] ?? '';
    wanted.item.set(partial.have, plan.total);
    await writeBody(work, answer, plan.total);
    if (plan.total !== undefined && partial.have !== plan.total) {
      throw new SdmeError('oci.network', `${url.href} ended after ${partial.have} of ${plan.total} bytes`);
    }
  } finally {
    answer.body.destroy();
  }
}

/** Tries until the file is whole; only tries in a row that bring next to nothing count as failed. */
async function fetchAll(work: Work): Promise<void> {
  const { ctx, partial } = work;
  for (let fruitless = 0; ; ) {
    const before = partial.have;
    try {
      return await fetchPart(work);
    } catch (thrown) {
      ctx.signal.throwIfAborted();
      const error = toSdmeError(thrown);
      fruitless = partial.have - before >= progressBytes ? 1 : fruitless + 1;
      const waitMs = retryDelay(error, fruitless, defaultRetry, Math.random());
      if (waitMs === undefined) throw error;
      ctx.log.warn(`${error.message}; trying again`, { bytes: partial.have });
      await pause(waitMs, ctx.signal);
    }
  }
}

/**
 * Downloads a URL into a new file, goes on where a connection broke off (Range, If-Range), and gives up after
 * some tries in a row that brought next to nothing. Sizes are checked while bytes come; who reads the file checks the
 * rest. Works in a slot of the class `network`.
 *
 * @throws SdmeError `oci.network`, `oci.denied`, `oci.protocol`, `oci.limit`, `not-found`, `disk.full`; the signal's reason
 */
export async function downloadFile(ctx: Context, wanted: DownloadRequest): Promise<Downloaded> {
  const url = startUrl(wanted.url);
  const partial: Partial = { have: 0, validator: undefined, contentType: '' };
  const handle = await open(wanted.file, 'wx', 0o600);
  const transport = openTransport(wanted.settings.http_timeout * 1000, wanted.environment);
  try {
    await ctx.withSlot('network', () => fetchAll({ ctx, url, transport, handle, wanted, partial }));
  } finally {
    transport.close();
    await handle.close();
  }
  wanted.item.end();
  return { size: partial.have, contentType: partial.contentType };
}
