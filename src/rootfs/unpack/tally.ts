import { SdmeError } from '../../base/errors.ts';
import { formatSize } from '../../base/sizes.ts';
import type { UnpackLimits } from './protocol.ts';

/** At most so many notes are kept; the rest would say the same again. */
const maxNotes = 50;

/** Counts of an unpacking and its limits, over all layers. */
export class Tally {
  /** Bytes of file content written. */
  contentBytes = 0;
  entries = 0;
  #plainBytes = 0;
  readonly #limits: UnpackLimits;
  readonly #notes = new Set<string>();

  constructor(limits: UnpackLimits) {
    this.#limits = limits;
  }

  get notes(): string[] {
    return [...this.#notes];
  }

  /** Says something once. */
  note(text: string): void {
    if (this.#notes.size < maxNotes) this.#notes.add(text);
  }

  /** @throws SdmeError `unpack.limit` */
  countEntry(): void {
    this.entries += 1;
    if (this.entries > this.#limits.entries) {
      throw new SdmeError(
        'unpack.limit',
        `there are more than ${this.#limits.entries} entries; raise max_unpacked_entries to allow more`,
      );
    }
  }

  /** @throws SdmeError `unpack.limit` */
  countPlain(bytes: number): void {
    this.#plainBytes += bytes;
    if (this.#plainBytes > this.#limits.bytes) {
      const limit = formatSize(this.#limits.bytes);
      throw new SdmeError(
        'unpack.limit',
        `it unpacks to more than ${limit}; raise max_unpacked_size to allow more`,
      );
    }
  }
}
