import { showBytes } from '../../base/show-bytes.ts';
import type { TarEntry, TarEntryType } from './entry.ts';
import { checksumMatches, countField, formatError, numberField, textField } from './fields.ts';
import type { PaxRecords } from './pax.ts';

/** What the headers before an entry say about it. */
export interface Extensions {
  readonly pax: PaxRecords | undefined;
  /** GNU `L` and `K`. */
  readonly longName: Buffer | undefined;
  readonly longLink: Buffer | undefined;
}

/** Kinds of headers that say something about the entry after them (`x`, `g`, `L`, `K`). */
export type MetaKind = 'pax' | 'global' | 'name' | 'link';

/** What a header block is: an entry of its own, or an extension of the next one with `size` bytes of data. */
export type Header =
  | { readonly kind: 'meta'; readonly meta: MetaKind; readonly size: number }
  | { readonly kind: 'entry'; readonly entry: TarEntry };

const noXattrs: ReadonlyMap<string, Buffer> = new Map();
const nothing = Buffer.alloc(0);
const SLASH = 0x2f;

/** Reads one block of 512 bytes that is not all zero. @throws SdmeError `unpack.format` */
export function parseHeader(block: Buffer, extensions: Extensions): Header {
  if (!checksumMatches(block)) throw formatError('a header has a wrong checksum');
  const flag = block[156] ?? 0;
  const meta = metaKind(flag);
  if (meta !== undefined) return { kind: 'meta', meta, size: countField(block, 124, 12, 'the size') };
  return { kind: 'entry', entry: parseEntry(block, flag, extensions) };
}

function metaKind(flag: number): MetaKind | undefined {
  switch (String.fromCharCode(flag)) {
    case 'x':
      return 'pax';
    case 'g':
      return 'global';
    case 'L':
      return 'name';
    case 'K':
      return 'link';
    default:
      return undefined;
  }
}

function parseEntry(block: Buffer, flag: number, { pax, longName, longLink }: Extensions): TarEntry {
  const name = longName ?? pax?.path ?? headerName(block);
  const linkName = longLink ?? pax?.linkpath ?? textField(block, 157, 100);
  const size = pax?.size ?? countField(block, 124, 12, 'the size');
  const type = entryType(flag, name, size);
  const device = type === 'char' || type === 'block';
  return {
    type,
    name,
    linkName: type === 'symlink' || type === 'hardlink' ? linkName : nothing,
    mode: countField(block, 100, 8, 'the mode') & 0o7777,
    uid: pax?.uid ?? countField(block, 108, 8, 'the uid'),
    gid: pax?.gid ?? countField(block, 116, 8, 'the gid'),
    size: type === 'file' ? size : 0,
    mtime: pax?.mtime ?? { seconds: numberField(block, 136, 12, 'the mtime'), nanoseconds: 0 },
    major: device ? countField(block, 329, 8, 'the device number') : 0,
    minor: device ? countField(block, 337, 8, 'the device number') : 0,
    xattrs: pax === undefined || pax.xattrs.size === 0 ? noXattrs : pax.xattrs,
  };
}

/** The name, with the prefix that POSIX and star headers may have; GNU headers keep other things there. */
function headerName(block: Buffer): Buffer {
  const name = textField(block, 0, 100);
  const posix = block.toString('latin1', 257, 263) === 'ustar\0';
  if (!posix || block[345] === 0) return name;
  const star = block.toString('latin1', 508, 512) === 'tar\0';
  return Buffer.concat([textField(block, 345, star ? 131 : 155), Buffer.of(SLASH), name]);
}

/**
 * The type of a flag. Directories, devices and fifos never have content, whatever their size says (E9); a link
 * with content would be read differently by different programs (E10), so it is refused.
 */
function entryType(flag: number, name: Buffer, size: number): TarEntryType {
  switch (flag === 0 ? '0' : String.fromCharCode(flag)) {
    case '0':
      if (name.at(-1) !== SLASH) return 'file';
      if (size > 0) throw formatError(`"${showBytes(name)}" is a file whose name ends in a slash`);
      return 'directory';
    case '7':
      return 'file';
    case '1':
      return linkType('hardlink', name, size);
    case '2':
      return linkType('symlink', name, size);
    case '3':
      return 'char';
    case '4':
      return 'block';
    case '5':
      return 'directory';
    case '6':
      return 'fifo';
    case 'S':
      throw formatError(`"${showBytes(name)}" is a sparse file, which is not supported`);
    default:
      throw formatError(`"${showBytes(name)}" has the unknown type "${showBytes(Buffer.of(flag))}"`);
  }
}

function linkType(type: 'hardlink' | 'symlink', name: Buffer, size: number): TarEntryType {
  if (size > 0) throw formatError(`"${showBytes(name)}" is a link with content`);
  return type;
}
