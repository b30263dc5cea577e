import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Context, ProgressItem } from '../../base/context.ts';
import { SdmeError, toSdmeError } from '../../base/errors.ts';
import { formatSize } from '../../base/sizes.ts';
import type { Settings } from '../../config/schema.ts';
import { diskError } from '../disk-errors.ts';
import { planBody } from './answer.ts';
import { nextUrl, redirectLimit, startUrl } from './redirects.ts';

type DownloadSettings = Pick<Settings, 'http_timeout' | 'http_body_timeout' | 'max_download_size'>;

/** Tries in a row that bring not one byte before a download is given up. */
const fruitlessTries = 4;
/** The longest a server may ask us to wait before the job fails with its hint instead. */
const longestWaitMs = 30_000;

/** What a download needs. */
export interface DownloadRequest {
  readonly url: string;
  /** Path of the file to make; must not exist. The caller removes it. */
  readonly file: string;
  readonly settings: DownloadSettings;
  readonly item: ProgressItem;
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

/** The answer after redirects, its headers within `http_timeout`. */
async function request(
  start: URL,
  partial: Partial,
  settings: DownloadSettings,
  signal: AbortSignal,
): Promise<Response> {
  const headers: Record<string, string> = { 'accept-encoding': 'identity', 'user-agent': 'sdme' };
  if (partial.validator === undefined) partial.have = 0;
  if (partial.validator !== undefined && partial.have > 0) {
    headers.range = `bytes=${partial.have}-`;
    headers['if-range'] = partial.validator;
  }
  let url = start;
  for (let hop = 0; hop <= redirectLimit; hop += 1) {
    const response = await answerWithin(url, headers, settings.http_timeout * 1000, signal);
    if (response.status < 300 || response.status > 399 || response.status === 304) return response;
    await response.body?.cancel();
    url = nextUrl(url, response.headers.get('location'));
  }
  throw new SdmeError('download.refused', `${start.host} redirects more than ${redirectLimit} times`);
}

async function answerWithin(
  url: URL,
  headers: Record<string, string>,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Response> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), timeoutMs);
  try {
    return await fetch(url, { headers, redirect: 'manual', signal: AbortSignal.any([signal, late.signal]) });
  } catch (cause) {
    signal.throwIfAborted();
    const what = late.signal.aborted ? `did not answer within ${timeoutMs / 1000} s` : 'cannot be reached';
    throw new SdmeError('download.network', `${url.host} ${what}`, { cause });
  } finally {
    clearTimeout(timer);
  }
}

function strongEtag(etag: string | null): string | undefined {
  return etag?.startsWith('"') ? etag : undefined;
}

/** The next piece of a body, or an error when none comes for `timeoutMs`. */
async function nextChunk(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  host: string,
  timeoutMs: number,
): Promise<Uint8Array | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const stalled = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new SdmeError('download.network', `${host} sent nothing for ${timeoutMs / 1000} s`)),
      timeoutMs,
    );
  });
  try {
    const { value } = await Promise.race([reader.read(), stalled]);
    return value;
  } catch (cause) {
    if (cause instanceof SdmeError) throw cause;
    throw new SdmeError('download.network', `${host} broke off`, { cause });
  } finally {
    clearTimeout(timer);
  }
}

function tooLarge(url: URL, limit: number): SdmeError {
  return new SdmeError(
    'oci.limit',
    `${url.href} is larger than max_download_size (${formatSize(limit)}); raise it in the configuration`,
  );
}

/** One try: asks for what is missing and writes what comes. @throws SdmeError `download.network` when it broke off */
async function fetchPart(
  ctx: Context,
  url: URL,
  handle: FileHandle,
  partial: Partial,
  { settings, item }: DownloadRequest,
): Promise<void> {
  const response = await request(url, partial, settings, ctx.signal);
  const header = (name: string): string | null => response.headers.get(name);
  const reader = response.body?.getReader();
  try {
    const facts = {
      status: response.status,
      contentLength: header('content-length'),
      contentRange: header('content-range'),
      retryAfter: header('retry-after'),
    };
    const plan = planBody(url.href, facts, partial.have, Date.now());
    if (plan.from === 0) await handle.truncate(0);
    partial.have = plan.from;
    partial.validator = strongEtag(header('etag')) ?? header('last-modified') ?? undefined;
    partial.contentType = header('content-type') ?? '';
    if ((plan.total ?? 0) > settings.max_download_size) throw tooLarge(url, settings.max_download_size);
    item.set(partial.have, plan.total);
    const stallMs = settings.http_body_timeout * 1000;
    while (reader !== undefined) {
      const chunk = await nextChunk(reader, url.host, stallMs);
      ctx.signal.throwIfAborted();
      if (chunk === undefined) break;
      if (partial.have + chunk.length > settings.max_download_size) {
        throw tooLarge(url, settings.max_download_size);
      }
      await handle.write(chunk, 0, chunk.length, partial.have);
      partial.have += chunk.length;
      item.set(partial.have, plan.total);
    }
    if (plan.total !== undefined && partial.have !== plan.total) {
      throw new SdmeError(
        'download.network',
        `${url.href} ended after ${partial.have} of ${plan.total} bytes`,
      );
    }
  } finally {
    await reader?.cancel().catch(() => {
      // The connection is broken already; what broke it is on its way to the caller.
    });
  }
}

/**
 * Downloads a URL into a new file, goes on where a connection broke off (Range, If-Range), and gives up after
 * some tries in a row that brought nothing. Sizes are checked while bytes come; who reads the file checks the
 * rest. Works in a slot of the class `network`.
 *
 * @throws SdmeError `download.network`, `download.refused`, `not-found`, `oci.limit`, `disk.full`; the signal's reason
 */
export async function downloadFile(ctx: Context, wanted: DownloadRequest): Promise<Downloaded> {
  const url = startUrl(wanted.url);
  const partial: Partial = { have: 0, validator: undefined, contentType: '' };
  const handle = await open(wanted.file, 'wx', 0o600);
  try {
    await ctx.withSlot('network', async () => {
      for (let fruitless = 0; ; ) {
        const before = partial.have;
        try {
          return await fetchPart(ctx, url, handle, partial, wanted);
        } catch (thrown) {
          ctx.signal.throwIfAborted();
          const error = toSdmeError(diskError(thrown, wanted.file));
          fruitless = partial.have > before ? 0 : fruitless + 1;
          const wait = error.retryAfterMs ?? 500 * 2 ** fruitless * (0.5 + Math.random() / 2);
          if (error.code !== 'download.network' || fruitless >= fruitlessTries || wait > longestWaitMs)
            throw error;
          ctx.log.warn(`${error.message}; trying again`, { bytes: partial.have });
          await delay(wait, undefined, { signal: ctx.signal }).catch(() => ctx.signal.throwIfAborted());
        }
      }
    });
  } finally {
    await handle.close();
  }
  wanted.item.end();
  return { size: partial.have, contentType: partial.contentType };
}
