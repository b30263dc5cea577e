import { createHash, type Hash } from 'node:crypto';
import { readSync } from 'node:fs';
import { SdmeError } from '../../base/errors.ts';
import { TarParser } from '../../oci/tar/parser.ts';
import type { Decoder, Input } from '../../system/decode/decoder.ts';
import { decoderFor, detectCoding } from '../../system/decode/detect.ts';
import type { LayerOrder } from './protocol.ts';
import type { Tally } from './tally.ts';
import type { TreeWriter } from './tree-writer.ts';

/** Bytes read at once, and plain bytes decoded at once; two of the latter are in use. */
const inputSize = 512 * 1024;
const outputSize = 1024 * 1024;

/** A digest text and the hash that is to match it. */
interface Expected {
  readonly digest: string;
  readonly hash: Hash;
}

function expecting(digest: string | undefined): Expected | undefined {
  if (digest === undefined) return undefined;
  return { digest, hash: createHash(digest.slice(0, digest.indexOf(':'))) };
}

function check(expected: Expected | undefined, what: string): void {
  if (expected === undefined) return;
  const algorithm = expected.digest.slice(0, expected.digest.indexOf(':'));
  const found = `${algorithm}:${expected.hash.digest('hex')}`;
  if (found === expected.digest) return;
  throw new SdmeError('oci.digest-mismatch', `${what} ${found}, not ${expected.digest}`, {
    facts: { expected: expected.digest, found },
  });
}

/** Whom a reader talks to while it reads. */
export interface LayerListener {
  /** Told the bytes of the file that were read. */
  readonly onBytes: (bytes: number) => void;
  /** Waits until more than `have` bytes of a growing file are there, and says how many. */
  readonly askForMore: (have: number) => number;
}

/** The file of a layer: read once, in order, counted and hashed. */
class LayerFile {
  readonly input: Input;
  bytes = 0;
  readonly #fd: number;
  readonly #size: number | undefined;
  readonly #digest: Expected | undefined;
  readonly #askForMore: LayerListener['askForMore'];
  readonly #grows: boolean;
  /** Bytes of the file that may be read. */
  #there: number;

  constructor(fd: number, order: LayerOrder, buffer: Buffer, askForMore: LayerListener['askForMore']) {
    this.#fd = fd;
    this.#size = order.size;
    this.#digest = expecting(order.digest);
    this.#askForMore = askForMore;
    this.#grows = order.grows === true;
    this.#there = this.#grows ? 0 : Number.POSITIVE_INFINITY;
    this.input = { buffer, start: 0, end: 0 };
  }

  /** How many bytes may be read now: of a growing file those that are there, 0 when it has all. */
  #readable(): number {
    if (this.#there === this.bytes && this.bytes !== this.#size) this.#there = this.#askForMore(this.bytes);
    return this.#there - this.bytes;
  }

  /** Reads more behind what is unread; false at the end. @throws SdmeError `oci.digest-mismatch` when it is too long */
  fill(): boolean {
    const { input } = this;
    if (input.start > 0) {
      input.buffer.copyWithin(0, input.start, input.end);
      input.end -= input.start;
      input.start = 0;
    }
    const room = Math.min(input.buffer.length - input.end, this.#readable());
    const length = room === 0 ? 0 : readSync(this.#fd, input.buffer, input.end, room, null);
    if (length === 0) {
      // Whoever writes the file began it anew: nothing says that it is damaged.
      if (room > 0 && this.#grows)
        throw new SdmeError('io', 'the file was cut while it was read', { retryable: true });
      return false;
    }
    this.#digest?.hash.update(input.buffer.subarray(input.end, input.end + length));
    input.end += length;
    this.bytes += length;
    if (this.#size !== undefined && this.bytes > this.#size) throw this.#sizeError('larger');
    return true;
  }

  #sizeError(how: string): SdmeError {
    return new SdmeError(
      'oci.digest-mismatch',
      `the file is ${how} than the ${this.#size} bytes it should have`,
    );
  }

  /** Reads what is left and checks size and digest. @throws SdmeError `oci.digest-mismatch` */
  finish(): void {
    do {
      this.input.start = this.input.end;
    } while (this.fill());
    if (this.#size !== undefined && this.bytes < this.#size) throw this.#sizeError('smaller');
    check(this.#digest, 'the file has the digest');
  }
}

/** Buffers that one unpacking uses for all its layers. */
export class LayerReader {
  readonly #tally: Tally;
  readonly #writer: TreeWriter;
  readonly #gzip: (() => Decoder) | undefined;
  readonly #input = Buffer.alloc(inputSize);
  #filling = Buffer.alloc(outputSize);
  #filled = Buffer.alloc(outputSize);

  /** `gzip` makes decoders of gzip; default: zlib's. */
  constructor(tally: Tally, writer: TreeWriter, gzip?: () => Decoder) {
    this.#tally = tally;
    this.#writer = writer;
    this.#gzip = gzip;
  }

  /**
   * Applies a layer in one pass: reads, decodes, hashes, writes. Returns the size of its file.
   * @throws SdmeError `unpack.*`, `oci.digest-mismatch`, `disk.full`, `io`
   */
  async read(fd: number, order: LayerOrder, listener: LayerListener): Promise<number> {
    const file = new LayerFile(fd, order, this.#input, listener.askForMore);
    try {
      await this.#apply(file, order, listener.onBytes);
    } catch (error) {
      // Damaged data is more likely a damaged file than a bad layer: say so if it is.
      if (order.digest !== undefined && error instanceof SdmeError && error.code === 'unpack.format')
        file.finish();
      throw error;
    }
    file.finish();
    this.#writer.endLayer();
    return file.bytes;
  }

  async #apply(file: LayerFile, order: LayerOrder, onBytes: (bytes: number) => void): Promise<void> {
    while (file.input.end < 4 && file.fill());
    using decoder = decoderFor(detectCoding(file.input.buffer.subarray(0, file.input.end)), this.#gzip);
    const diffId = expecting(order.diffId);
    const parser = new TarParser(this.#writer);
    let pending = this.#decode(file, decoder);
    for (;;) {
      const length = await pending;
      if (length === undefined) break;
      [this.#filling, this.#filled] = [this.#filled, this.#filling];
      const chunk = this.#filled.subarray(0, length);
      // The next piece is decoded on another thread while this one is written.
      pending = this.#decode(file, decoder);
      try {
        this.#tally.countPlain(length);
        diffId?.hash.update(chunk);
        parser.feed(chunk);
      } catch (error) {
        await Promise.allSettled([pending]);
        throw error;
      }
      onBytes(file.bytes);
    }
    parser.finish();
    check(diffId, 'the plain layer has the digest');
  }

  /** The next piece in `#filling`: its length, or undefined at the end. */
  async #decode(file: LayerFile, decoder: Decoder): Promise<number | undefined> {
    for (;;) {
      const length = await decoder.decode(file.input, this.#filling);
      if (length > 0) return length;
      if (file.input.start === file.input.end && !file.fill()) {
        decoder.finish();
        return undefined;
      }
    }
  }
}
