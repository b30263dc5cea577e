import type { Context, ProgressItem } from '../../base/context.ts';
import type { Digest } from '../../base/digests.ts';
import { type SdmeError, toSdmeError } from '../../base/errors.ts';
import type { Descriptor } from '../descriptors.ts';
import { shortDigest } from '../digest-check.ts';
import type { RetryRules } from '../http/retry.ts';
import { type Arrival, isOverSoon, newArrival } from './arrival.ts';
import type { BlobStore } from './blob-store.ts';
import { fetchBlob, type OpenBlob } from './fetch-blob.ts';
import type { UnfinishedBlob } from './unfinished-blob.ts';

/** One import's wish for a blob. */
export interface BlobWish {
  readonly wanted: Descriptor;
  /** Where this import would fetch it: those with the same origin fail together. */
  readonly origin: string;
  readonly open: OpenBlob;
  readonly item: ProgressItem;
  /** Fetches it even when the store has it. */
  readonly anew: boolean;
  /** Called once, when the blob is arriving so fast that it may be read while it comes. */
  readonly onArrival?: (arrival: Arrival, via: BlobVia) => void;
}

/** How a blob got into the store: `cached` when it was there after all. */
export type BlobVia = 'fetched' | 'shared' | 'cached';

/**
 * Downloads of one worker, one at a time for each digest. An import that wants a blob which another one is fetching
 * joins: both show its progress. The job that began owns the download and its requests are used; when it leaves, the
 * next one owns it and the download goes on. It ends when nobody is left, and then the last to leave waits for its end.
 */
export interface SharedDownloads {
  /**
   * Resolves when the blob is in the store. @returns whose download it was
   * @throws SdmeError why it cannot be had from this import's origin; the reason of `ctx.signal`
   */
  join(ctx: Context, wish: BlobWish): Promise<BlobVia>;
}

interface Member {
  readonly wish: BlobWish;
  readonly ctx: Context;
  readonly ending: PromiseWithResolvers<BlobVia>;
  toldOfArrival: boolean;
}

interface Download {
  readonly wanted: Descriptor;
  /** In order of joining; the first owns. */
  readonly members: Set<Member>;
  readonly stop: AbortController;
  length: number;
  /** Settles, never rejects, when nothing of the download runs any more. */
  ended: Promise<void>;
}

export interface DownloadOptions {
  readonly store: BlobStore;
  readonly silenceMs: number;
  readonly retry: RetryRules;
}

function ownerOf(download: Download): Member | undefined {
  return download.members.values().next().value;
}

/** Opens the downloads of a worker. */
export function openSharedDownloads(options: DownloadOptions): SharedDownloads {
  const running = new Map<Digest, Download>();
  const begin = (wanted: Descriptor): Download => {
    const download: Download = {
      wanted,
      members: new Set(),
      stop: new AbortController(),
      length: 0,
      ended: Promise.resolve(),
    };
    running.set(wanted.digest, download);
    return download;
  };
  const forget = (download: Download): void => {
    if (running.get(download.wanted.digest) === download) running.delete(download.wanted.digest);
  };
  const enter = (ctx: Context, wish: BlobWish, known: Download | undefined): Promise<BlobVia> => {
    const download = known ?? begin(wish.wanted);
    const member: Member = { wish, ctx, ending: Promise.withResolvers(), toldOfArrival: false };
    const owner = ownerOf(download);
    if (owner !== undefined) wish.item.note(`joined the download of job ${owner.ctx.jobId}`);
    wish.item.set(download.length, wish.wanted.size);
    download.members.add(member);
    if (known === undefined) download.ended = work(download, options, () => forget(download));
    return waitFor(download, member);
  };
  return {
    join: async (ctx, wish) => {
      while (true) {
        ctx.signal.throwIfAborted();
        const known = running.get(wish.wanted.digest);
        const fits = known?.wanted.size === wish.wanted.size && !known.stop.signal.aborted;
        if (known === undefined || fits) return enter(ctx, wish, known);
        // One that is ending, or one for another size of the same digest, of which at most one can be right.
        await endOf(known, ctx.signal);
      }
    },
  };
}

/** Waits until a download has ended, or the signal aborts. */
async function endOf(download: Download, signal: AbortSignal): Promise<void> {
  const aborted = Promise.withResolvers<void>();
  const abort = (): void => aborted.resolve();
  signal.addEventListener('abort', abort, { once: true });
  try {
    await Promise.race([download.ended, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** Waits for a member's end; on its cancel it leaves, and the last to leave stops the download. */
async function waitFor(download: Download, member: Member): Promise<BlobVia> {
  const { signal } = member.ctx;
  const leave = (): void => {
    if (!download.members.delete(member)) return;
    if (download.members.size === 0) download.stop.abort(signal.reason);
    const gone = download.members.size === 0 ? download.ended : Promise.resolve();
    gone.then(() => member.ending.reject(signal.reason));
  };
  signal.addEventListener('abort', leave, { once: true });
  try {
    if (signal.aborted) leave();
    return await member.ending.promise;
  } finally {
    signal.removeEventListener('abort', leave);
  }
}

/**
 * Lets others go on where one origin failed: its members get the error. False, and nothing done, when nobody would ask
 * elsewhere; then all of them get it once the download has ended.
 */
function handOver(download: Download, origin: string, error: SdmeError): boolean {
  const members = [...download.members];
  if (members.every(({ wish }) => wish.origin === origin)) return false;
  for (const member of members) {
    if (member.wish.origin !== origin) continue;
    download.members.delete(member);
    member.ending.reject(error);
  }
  return true;
}

/** Runs a download until it is in the store or nobody is left; tells every member. */
async function work(download: Download, options: DownloadOptions, forget: () => void): Promise<void> {
  let unfinished: UnfinishedBlob | undefined;
  const succeed = (ofOwner: BlobVia, ofOthers: BlobVia): void => {
    forget();
    const owner = ownerOf(download);
    for (const member of download.members) {
      const via = member === owner ? ofOwner : ofOthers;
      member.wish.item.set(download.wanted.size, download.wanted.size);
      member.wish.item.end(via === 'fetched' ? 'done' : via);
      member.ending.resolve(via);
    }
  };
  try {
    // Between an import's look into the store and its joining, another download may have put it there.
    if (ownerOf(download)?.wish.anew !== true && (await options.store.has(download.wanted))) {
      succeed('cached', 'cached');
      return;
    }
    unfinished = await options.store.begin(download.wanted, download.stop.signal);
    await fetchForMembers(download, unfinished, options);
    await unfinished.commit();
    unfinished = undefined;
    succeed('fetched', 'shared');
  } catch (thrown) {
    const error = toSdmeError(thrown);
    // Whoever comes from now on waits for the end and begins anew: the file is still ours.
    download.stop.abort(error);
    await (error.code === 'oci.digest-mismatch' ? unfinished?.remove() : unfinished?.keep())?.catch(() => {
      // The first error is the one that says what went wrong; a file left behind is found by the next clean-up.
    });
    forget();
    for (const member of download.members) member.ending.reject(error);
  } finally {
    download.members.clear();
  }
}

/** Tells members that can read the blob while it comes, each once. */
function tellOfArrival(download: Download, arrival: Arrival): void {
  const owner = ownerOf(download);
  for (const member of download.members) {
    if (member.toldOfArrival) continue;
    member.toldOfArrival = true;
    member.wish.onArrival?.(arrival, member === owner ? 'fetched' : 'shared');
  }
}

async function fetchForMembers(
  download: Download,
  unfinished: UnfinishedBlob,
  options: DownloadOptions,
): Promise<void> {
  const { wanted, stop } = download;
  const { writer } = unfinished;
  const arrival = newArrival(unfinished.path, wanted.size);
  const began = performance.now();
  // What an earlier attempt left says nothing about the pace.
  const left = writer.length();
  const show = (length: number): void => {
    // A restart is not shown: counts only grow.
    download.length = Math.max(download.length, length);
    for (const { wish } of download.members) wish.item.set(download.length, wanted.size);
    if (length < arrival.length()) arrival.restart();
    arrival.advance(length);
    const elapsedMs = performance.now() - began;
    if (isOverSoon({ length: length - left, size: wanted.size - left, elapsedMs }))
      tellOfArrival(download, arrival);
  };
  show(writer.length());
  while (true) {
    let asking = ownerOf(download);
    try {
      await fetchBlob({
        wanted,
        writer,
        signal: stop.signal,
        silenceMs: options.silenceMs,
        retry: options.retry,
        onLength: show,
        open: () => {
          asking = ownerOf(download) ?? asking;
          if (asking === undefined) throw new Error('a download without members');
          return asking.wish.open;
        },
        onRetry: (error, waitMs) => {
          for (const { ctx } of download.members) {
            ctx.log.warn(`download of ${shortDigest(wanted.digest)} broke off; trying again`, {
              error: error.message,
              waitMs,
            });
          }
        },
      });
      return;
    } catch (thrown) {
      const error = toSdmeError(thrown);
      const registryFailed = error.code.startsWith('oci.');
      if (stop.signal.aborted || !registryFailed || asking === undefined) throw error;
      if (!handOver(download, asking.wish.origin, error)) throw error;
      await writer.restart();
    }
  }
}
