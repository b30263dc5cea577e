import type { BlobStore } from '../blobs/blob-store.ts';
import type { SharedDownloads } from '../blobs/shared-downloads.ts';
import type { RetryRules } from '../http/retry.ts';
import type { Platform } from '../platforms.ts';
import type { RegistryRoom } from '../registry/client.ts';

/** What the image sources of one worker share. */
export interface ImageRoom {
  readonly cacheDir: string;
  readonly store: BlobStore;
  readonly downloads: SharedDownloads;
  readonly registries: RegistryRoom;
  readonly platform: Platform;
  readonly manifestTtlMs: number;
  /** Largest image in compressed bytes. */
  readonly maxImageSize: number;
  /** Silence limit of bodies, in milliseconds. */
  readonly silenceMs: number;
  readonly retry: RetryRules;
}

/** How one import wants its source read. */
export interface SourceOptions {
  /** Fetches manifests and blobs anew, and keeps none (contract 1.9, `--no-cache`). */
  readonly noCache?: boolean;
  /** For another platform than the host's. */
  readonly platform?: Platform;
  /** Writes nothing: for `--plan`. */
  readonly readOnly?: boolean;
}
