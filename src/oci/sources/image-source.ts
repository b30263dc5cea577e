import type { FileHandle } from 'node:fs/promises';
import type { Context } from '../../base/context.ts';
import type { Digest } from '../../base/digests.ts';
import type { Descriptor } from '../descriptors.ts';
import type { ImageConfig } from '../image-config.ts';

/** One layer of a resolved image. The same digest may occur at several positions. */
export interface LayerDescriptor extends Descriptor {
  /** Digest of the unpacked layer, from the image configuration. */
  readonly diffId: Digest;
  /** Place in the image, from 1. */
  readonly position: number;
}

/** An image whose manifest and configuration have been read and checked; no layer is fetched yet. */
export interface ResolvedImage {
  /** The source in full, e.g. `docker.io/library/debian:trixie`, or the path it came from. */
  readonly reference: string;
  /** Digest of the manifest for the platform; of the configuration for sources without a manifest. */
  readonly manifestDigest: Digest;
  /** `linux/amd64` */
  readonly platform: string;
  readonly config: ImageConfig;
  readonly layers: readonly LayerDescriptor[];
}

/**
 * A layer's bytes on this machine, open for reading. They are `size` bytes of `handle` from `offset` on: read with
 * positions, or hand `handle.fd` to a child. The blob stays readable until disposed, even when the cache drops it.
 */
export interface LocalBlob extends AsyncDisposable {
  readonly digest: Digest;
  readonly size: number;
  readonly handle: FileHandle;
  /** Where the blob begins in the file: 0, except for members of an archive. */
  readonly offset: number;
  /**
   * Where the bytes came from: the source itself, another job's download, the blob cache, or a file that is read
   * where it lies.
   */
  readonly via: 'fetched' | 'shared' | 'cached' | 'local';
  /**
   * True when this process checked digest and size while it wrote the bytes. Otherwise (cache hit, file of a
   * stranger) whoever reads them must check while reading, before anything shows in its final place.
   */
  readonly verified: boolean;
  /** Present while the blob is still coming: its file grows then, and is good once `whole` has settled. */
  readonly arriving?: ArrivingBlob;
  /**
   * Forgets a blob that was found damaged and ends this handle. True when asking the source again fetches it anew;
   * false when the source itself is damaged.
   */
  discard(): Promise<boolean>;
}

/** A blob that is being downloaded. */
export interface ArrivingBlob {
  /** Settles when every byte is here and the digest is right. @throws SdmeError why it is not */
  readonly whole: Promise<void>;
  /**
   * Settles when the file holds more than `have` bytes, with how many; right away once it is whole.
   * @throws why the download failed; a retryable error when it began anew, as bytes read before may have been wrong
   */
  beyond(have: number): Promise<number>;
}

/** Where an image comes from. Works under `ctx.signal`, shows progress in `ctx.progress`, retries what may recover. */
export interface ImageSource extends AsyncDisposable {
  /** How the source is named in messages. */
  readonly name: string;
  /**
   * Reads and checks manifest and configuration for this host's platform.
   * @throws SdmeError `oci.*`, `not-found`, `input.invalid`
   */
  resolve(ctx: Context): Promise<ResolvedImage>;
  /**
   * Makes one layer available. May be called for several layers at once. With `whileItComes` a layer that is being
   * downloaded fast may be given before all of it is here: see {@link LocalBlob.arriving}.
   * @throws SdmeError `oci.*`, `disk.full`; the reason of `ctx.signal` when that aborts
   */
  blob(
    ctx: Context,
    layer: LayerDescriptor,
    options?: { readonly whileItComes?: boolean },
  ): Promise<LocalBlob>;
  /** Whether the layer needs no download: a blob of that digest and size is here. Changes nothing. */
  has(layer: Descriptor): Promise<boolean>;
}
