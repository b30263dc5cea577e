import type { FileHandle } from 'node:fs/promises';
import type { Context, ProgressItem } from '../../base/context.ts';
import { SdmeError } from '../../base/errors.ts';
import { type Arrival, followArrival, openArrival } from '../blobs/arrival.ts';
import type { Pin } from '../blobs/blob-store.ts';
import type { OpenBlob } from '../blobs/fetch-blob.ts';
import type { BlobVia } from '../blobs/shared-downloads.ts';
import type { Descriptor } from '../descriptors.ts';
import { shortDigest } from '../digest-check.ts';
import type { LocalBlob } from './image-source.ts';
import type { ImageRoom } from './room.ts';

/** How a blob is had when the store lacks it. */
export interface BlobOrigin {
  readonly origin: string;
  readonly open: OpenBlob;
  readonly noCache: boolean;
}

/**
 * A blob of the store, fetched when it is not there. Pinned until it is disposed. With `whileItComes` it may be given
 * while it is still being downloaded: see {@link LocalBlob.arriving}.
 */
export async function blobFromStore(
  ctx: Context,
  room: ImageRoom,
  wanted: Descriptor,
  from: BlobOrigin,
  item: ProgressItem,
  options: { readonly whileItComes?: boolean } = {},
): Promise<LocalBlob> {
  const pin = await room.store.pin(wanted.digest, from.noCache);
  try {
    const cached = from.noCache ? undefined : await room.store.open(wanted);
    if (cached !== undefined) {
      item.set(wanted.size, wanted.size);
      item.end('cached');
      return heldBlob(room, wanted, cached, pin, 'cached');
    }
    const arriving = Promise.withResolvers<{ arrival: Arrival; via: BlobVia }>();
    const done = room.downloads.join(ctx, {
      wanted,
      origin: from.origin,
      open: from.open,
      item,
      anew: from.noCache,
      ...(options.whileItComes === true
        ? { onArrival: (arrival, via) => arriving.resolve({ arrival, via }) }
        : {}),
    });
    const first = await Promise.race([done, arriving.promise]);
    const early = typeof first === 'string' ? undefined : await arrivingBlob(room, wanted, pin, first, done);
    if (early !== undefined) return early;
    const via = await done;
    const handle = await room.store.open(wanted);
    if (handle !== undefined) return heldBlob(room, wanted, handle, pin, via);
    throw new SdmeError(
      'io',
      `blob ${shortDigest(wanted.digest)} vanished from the cache; let nothing else clean ${room.cacheDir}`,
      { retryable: true },
    );
  } catch (error) {
    await pin.release();
    throw error;
  }
}

/** A blob that is still coming; undefined when it has come meanwhile. */
async function arrivingBlob(
  room: ImageRoom,
  wanted: Descriptor,
  pin: Pin,
  { arrival, via }: { readonly arrival: Arrival; readonly via: BlobVia },
  done: Promise<BlobVia>,
): Promise<LocalBlob | undefined> {
  const handle = await openArrival(arrival).catch(() => undefined);
  if (handle === undefined) return undefined;
  const whole = done.then(() => {});
  // Whoever unpacks it hears of a failure; until then it is no unhandled one.
  whole.catch(() => {});
  return {
    ...heldBlob(room, wanted, handle, pin, via),
    arriving: { whole, beyond: followArrival(arrival, done) },
  };
}

function heldBlob(
  room: ImageRoom,
  wanted: Descriptor,
  handle: FileHandle,
  pin: Pin,
  via: BlobVia,
): LocalBlob {
  let open = true;
  const end = async (): Promise<void> => {
    if (!open) return;
    open = false;
    await handle.close();
    await pin.release();
  };
  return {
    digest: wanted.digest,
    size: wanted.size,
    handle,
    offset: 0,
    via,
    verified: via !== 'cached',
    discard: async () => {
      await room.store.drop(wanted.digest);
      await end();
      return true;
    },
    [Symbol.asyncDispose]: end,
  };
}

/** The bytes of a small blob that is open. @throws SdmeError `oci.digest-mismatch` when the file became shorter */
export async function readWhole(blob: LocalBlob): Promise<Buffer> {
  const buffer = Buffer.alloc(blob.size);
  let length = 0;
  while (length < buffer.length) {
    const { bytesRead } = await blob.handle.read(
      buffer,
      length,
      buffer.length - length,
      blob.offset + length,
    );
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return buffer.subarray(0, length);
}
