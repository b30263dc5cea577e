import type { TarSink } from './entry.ts';
import { formatError, isZeroBlock } from './fields.ts';
import { type Extensions, type MetaKind, parseHeader } from './header.ts';
import { parsePax } from './pax.ts';

/** Bytes of one extended header, and so of a path or of all xattrs of an entry (E3); Go's limit too. */
export const maxMetaBytes = 1024 * 1024;

const blockSize = 512;
const noExtensions: Extensions = { pax: undefined, longName: undefined, longLink: undefined };

/** What the next bytes are. */
type State = 'header' | 'meta' | 'content' | 'padding' | 'end';

/**
 * A push parser for tar (POSIX.1-2017 ustar and pax, GNU long names, V7), strict and byte-exact: what two programs
 * would read differently is an error. Synchronous, so that reading a tree costs no promises; memory is one
 * extended header at most.
 */
export class TarParser {
  readonly #sink: TarSink;
  #state: State = 'header';
  /** Bytes until the state changes: of content, padding or meta data. */
  #left = 0;
  #padding = 0;
  readonly #block = Buffer.alloc(blockSize);
  #blockFill = 0;
  #zeroBlocks = 0;
  #meta: MetaKind = 'pax';
  #metaData = Buffer.alloc(0);
  #extensions = noExtensions;

  constructor(sink: TarSink) {
    this.#sink = sink;
  }

  /** True after the end marker; what follows is passed over. */
  get ended(): boolean {
    return this.#state === 'end';
  }

  /** Takes the next bytes. @throws SdmeError `unpack.format`, what the sink throws */
  feed(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length && this.#state !== 'end') {
      switch (this.#state) {
        case 'header':
          at = this.#takeBlock(chunk, at);
          break;
        case 'meta':
          at = this.#takeMeta(chunk, at);
          break;
        case 'content':
          at = this.#takeContent(chunk, at);
          break;
        case 'padding':
          at = this.#takePadding(chunk, at);
          break;
      }
    }
  }

  /** Says that there are no more bytes. A missing end marker is accepted, a cut entry is not (E13, E22). */
  finish(): void {
    if (this.#state === 'end') return;
    if (this.#state !== 'header' || this.#blockFill > 0) {
      throw formatError('the archive is cut off');
    }
    this.#refuseDanglingExtensions();
  }

  #takeBlock(chunk: Buffer, at: number): number {
    if (this.#blockFill === 0 && chunk.length - at >= blockSize) {
      this.#onBlock(chunk.subarray(at, at + blockSize));
      return at + blockSize;
    }
    const taken = chunk.copy(this.#block, this.#blockFill, at);
    this.#blockFill += taken;
    if (this.#blockFill === blockSize) {
      this.#blockFill = 0;
      this.#onBlock(this.#block);
    }
    return at + taken;
  }

  #onBlock(block: Buffer): void {
    if (block[0] === 0 && isZeroBlock(block)) {
      this.#refuseDanglingExtensions();
      this.#zeroBlocks += 1;
      if (this.#zeroBlocks === 2) this.#state = 'end';
      return;
    }
    if (this.#zeroBlocks > 0) throw formatError('an entry follows a single block of zeros');
    const header = parseHeader(block, this.#extensions);
    if (header.kind === 'meta') {
      this.#beginMeta(header.meta, header.size);
      return;
    }
    this.#extensions = noExtensions;
    this.#sink.entry(header.entry);
    if (header.entry.type !== 'file') return;
    this.#left = header.entry.size;
    this.#padding = paddingOf(this.#left);
    this.#state = 'content';
    if (this.#left === 0) this.#endContent();
  }

  #takeContent(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + this.#left);
    this.#sink.content(chunk, at, end);
    this.#left -= end - at;
    if (this.#left === 0) this.#endContent();
    return end;
  }

  #endContent(): void {
    this.#sink.contentEnd();
    this.#beginPadding();
  }

  #beginPadding(): void {
    this.#left = this.#padding;
    this.#state = this.#left === 0 ? 'header' : 'padding';
  }

  #takePadding(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + this.#left);
    this.#left -= end - at;
    if (this.#left === 0) this.#state = 'header';
    return end;
  }

  #beginMeta(meta: MetaKind, size: number): void {
    if (size > maxMetaBytes) throw formatError(`an extended header of ${size} bytes is too large`);
    this.#refuseConflict(meta);
    this.#meta = meta;
    this.#metaData = Buffer.alloc(size);
    this.#left = size;
    this.#padding = paddingOf(size);
    this.#state = 'meta';
    if (size === 0) this.#endMeta();
  }

  /** Two headers that say the same thing would be read differently by different programs (E8). */
  #refuseConflict(meta: MetaKind): void {
    const { pax, longName, longLink } = this.#extensions;
    const repeated =
      (meta === 'pax' && pax !== undefined) ||
      (meta === 'name' && longName !== undefined) ||
      (meta === 'link' && longLink !== undefined);
    if (repeated) throw formatError('an entry has two extended headers of one kind');
  }

  #takeMeta(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + this.#left);
    chunk.copy(this.#metaData, this.#metaData.length - this.#left, at, end);
    this.#left -= end - at;
    if (this.#left === 0) this.#endMeta();
    return end;
  }

  #endMeta(): void {
    const data = this.#metaData;
    switch (this.#meta) {
      case 'pax':
        this.#extensions = { ...this.#extensions, pax: parsePax(data) };
        break;
      case 'global':
        // Read, so that damage is found; not applied, as no two programs agree on it (E6).
        parsePax(data);
        break;
      case 'name':
        this.#extensions = { ...this.#extensions, longName: longText(data) };
        break;
      case 'link':
        this.#extensions = { ...this.#extensions, longLink: longText(data) };
        break;
    }
    const { pax, longName, longLink } = this.#extensions;
    if ((longName && pax?.path) || (longLink && pax?.linkpath)) {
      throw formatError('an entry has a PAX name and a GNU name');
    }
    this.#metaData = Buffer.alloc(0);
    this.#beginPadding();
  }

  #refuseDanglingExtensions(): void {
    if (this.#extensions !== noExtensions) throw formatError('an extended header has no entry after it');
  }
}

function paddingOf(size: number): number {
  return (blockSize - (size % blockSize)) % blockSize;
}

/** A GNU long name: bytes, then nothing but NULs. */
function longText(data: Buffer): Buffer {
  const nul = data.indexOf(0);
  if (nul === -1) return data;
  for (let i = nul; i < data.length; i += 1) if (data[i] !== 0) throw formatError('a long name holds NUL');
  return Buffer.from(data.subarray(0, nul));
}
