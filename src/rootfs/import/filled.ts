import type { FsImportResult } from '../../contracts/fs-import.ts';
import type { KeptConfig } from '../image-meta.ts';

/** A staging tree that holds a source's files, and what became known on the way. */
export interface Filled {
  readonly kind: FsImportResult['kind'];
  readonly bytes: number;
  readonly entries: number;
  readonly sharedBytes: number;
  readonly cachedBytes: number;
  readonly fetchedBytes: number;
  /** Present for images. */
  readonly image?: {
    readonly class: 'base' | 'app';
    readonly config: KeptConfig;
    readonly reference: string;
    readonly manifestDigest: string;
    /** Its name, when it was put on a base rootfs as an application. */
    readonly application?: string;
  };
}

/** Where compressed bytes came from. */
export type ByteOrigins = Pick<Filled, 'sharedBytes' | 'cachedBytes' | 'fetchedBytes'>;

export const noBytes: ByteOrigins = { sharedBytes: 0, cachedBytes: 0, fetchedBytes: 0 };
