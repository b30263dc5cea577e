/*
 * Tar archives byte by byte, so that tests can make what no ordinary program makes. Nothing is checked.
 */

/** Bytes: text is UTF-8. */
export type Raw = string | Buffer;

/** The fields of a header; numbers are octal, Buffers are put in as they are. */
export interface RawHeader {
  readonly name?: Raw;
  readonly mode?: number | Buffer;
  readonly uid?: number | Buffer;
  readonly gid?: number | Buffer;
  readonly size?: number | Buffer;
  readonly mtime?: number | Buffer;
  /** The type flag; default `0`. */
  readonly flag?: Raw;
  readonly link?: Raw;
  /** Eight bytes at 257; default POSIX's. */
  readonly magic?: Raw;
  readonly prefix?: Raw;
  readonly major?: number;
  readonly minor?: number;
  readonly checksum?: Buffer;
}

function bytes(raw: Raw): Buffer {
  return typeof raw === 'string' ? Buffer.from(raw) : raw;
}

function put(block: Buffer, at: number, length: number, value: Raw): void {
  bytes(value).copy(block, at, 0, length);
}

function putNumber(block: Buffer, at: number, length: number, value: number | Buffer): void {
  put(block, at, length, typeof value === 'number' ? value.toString(8).padStart(length - 1, '0') : value);
}

/** A header block with its checksum. */
export function rawHeader(header: RawHeader): Buffer {
  const block = Buffer.alloc(512);
  put(block, 0, 100, header.name ?? '');
  putNumber(block, 100, 8, header.mode ?? 0o644);
  putNumber(block, 108, 8, header.uid ?? 0);
  putNumber(block, 116, 8, header.gid ?? 0);
  putNumber(block, 124, 12, header.size ?? 0);
  putNumber(block, 136, 12, header.mtime ?? 0);
  put(block, 156, 1, header.flag ?? '0');
  put(block, 157, 100, header.link ?? '');
  put(block, 257, 8, header.magic ?? 'ustar\x0000');
  if (header.major !== undefined) putNumber(block, 329, 8, header.major);
  if (header.minor !== undefined) putNumber(block, 337, 8, header.minor);
  put(block, 345, 155, header.prefix ?? '');
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(block, 148, 8, `${sum.toString(8).padStart(6, '0')}\0 `);
  if (header.checksum !== undefined) header.checksum.copy(block, 148, 0, 8);
  return block;
}

/** Content, filled up to whole blocks. */
export function padded(content: Raw): Buffer {
  const data = bytes(content);
  return Buffer.concat([data, Buffer.alloc((512 - (data.length % 512)) % 512)]);
}

/** A header and its content; the size is the content's unless given. */
export function entry(header: RawHeader, content: Raw = ''): Buffer {
  const data = bytes(content);
  return Buffer.concat([rawHeader({ size: data.length, ...header }), padded(data)]);
}

export function file(name: Raw, content: Raw = '', header: RawHeader = {}): Buffer {
  return entry({ name, ...header }, content);
}

export function dir(name: Raw, header: RawHeader = {}): Buffer {
  return entry({ name, mode: 0o755, flag: '5', ...header });
}

export function symlink(name: Raw, target: Raw, header: RawHeader = {}): Buffer {
  return entry({ name, mode: 0o777, flag: '2', link: target, ...header });
}

export function hardlink(name: Raw, target: Raw, header: RawHeader = {}): Buffer {
  return entry({ name, flag: '1', link: target, ...header });
}

export function device(flag: '3' | '4' | '6', name: Raw, major = 0, minor = 0): Buffer {
  return entry({ name, flag, major, minor });
}

/** One PAX record with its length. */
export function paxRecord(key: Raw, value: Raw): Buffer {
  const rest = Buffer.concat([
    Buffer.from(' '),
    bytes(key),
    Buffer.from('='),
    bytes(value),
    Buffer.from('\n'),
  ]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

/** A PAX header of records, or of raw bytes. */
export function pax(records: Record<string, Raw> | Buffer, flag: 'x' | 'g' = 'x'): Buffer {
  const data = Buffer.isBuffer(records)
    ? records
    : Buffer.concat(Object.entries(records).map(([key, value]) => paxRecord(key, value)));
  return entry({ name: 'PaxHeaders/x', flag }, data);
}

/** A GNU long name (`L`) or long link (`K`). */
export function gnuLong(flag: 'L' | 'K', value: Raw): Buffer {
  return entry(
    { name: '././@LongLink', flag, magic: 'ustar  \0' },
    Buffer.concat([bytes(value), Buffer.alloc(1)]),
  );
}

/** The end marker. */
export const endMarker: Buffer = Buffer.alloc(1024);

/** A whole archive. */
export function tar(...parts: readonly Buffer[]): Buffer {
  return Buffer.concat([...parts, endMarker]);
}

/** A number in base 256, as GNU tar writes what octal digits cannot hold; -1 and other negatives too. */
export function base256(value: bigint, length: number): Buffer {
  const field = Buffer.alloc(length);
  let rest = BigInt.asUintN(8 * length, value);
  for (let i = length - 1; i >= 0; i -= 1) {
    field[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  field[0] = (field[0] ?? 0) | 0x80;
  return field;
}
