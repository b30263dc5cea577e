/** What the first bytes of a file say it is. `tar` covers ustar and V7 archives with a sound checksum. */
export type Magic = 'gzip' | 'bzip2' | 'xz' | 'zstd' | 'tar' | 'qcow2' | 'disk' | 'html' | 'unknown';

/** How a tarball is compressed. */
export type Compression = 'none' | 'gzip' | 'bzip2' | 'xz' | 'zstd';

/** How many bytes {@link magicOf} wants to see: a tar header, or a disk's first sector and GPT header. */
export const magicLength = 1024;

function startsWith(head: Buffer, ...bytes: readonly number[]): boolean {
  return bytes.every((byte, index) => head[index] === byte);
}

/** True when the header's checksum field is the sum of its bytes, the field itself counted as spaces (POSIX pax). */
function isTarHeader(head: Buffer): boolean {
  if (head.length < 512) return false;
  const field = head.toString('latin1', 148, 156);
  const match = /^ *([0-7]{1,7})[ \0]/.exec(field);
  if (match?.[1] === undefined) return false;
  let sum = 8 * 32;
  for (let i = 0; i < 512; i += 1) if (i < 148 || i >= 156) sum += head[i] ?? 0;
  return sum === Number.parseInt(match[1], 8);
}

/** An empty archive: nothing but the zero blocks that end one. */
function isEmptyTar(head: Buffer): boolean {
  return head.length >= 1024 && head.subarray(0, 1024).every((byte) => byte === 0);
}

function isDisk(head: Buffer): boolean {
  const partitionTable = head[510] === 0x55 && head[511] === 0xaa;
  return partitionTable || head.toString('latin1', 512, 520) === 'EFI PART';
}

/**
 * What a file's first {@link magicLength} bytes say (contract 6.1, rows 4 and 5). A tar header is looked for
 * before a partition table, because a file name may hold 55AA where a boot sector has it.
 */
export function magicOf(head: Buffer): Magic {
  if (startsWith(head, 0x1f, 0x8b)) return 'gzip';
  if (startsWith(head, 0x42, 0x5a, 0x68)) return 'bzip2';
  if (startsWith(head, 0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00)) return 'xz';
  if (startsWith(head, 0x28, 0xb5, 0x2f, 0xfd)) return 'zstd';
  // A zstd stream may begin with a skippable frame (RFC 8878, 3.1.2).
  if (head.length >= 4 && (head.readUInt32LE(0) & 0xfffffff0) >>> 0 === 0x184d2a50) return 'zstd';
  if (startsWith(head, 0x51, 0x46, 0x49, 0xfb)) return 'qcow2';
  if (isTarHeader(head) || isEmptyTar(head)) return 'tar';
  if (isDisk(head)) return 'disk';
  if (/^\s*<(!doctype|html)/i.test(head.toString('latin1', 0, 256))) return 'html';
  return 'unknown';
}

/** The compression a magic stands for, or undefined when it is no tarball's. */
export function compressionOf(magic: Magic): Compression | undefined {
  switch (magic) {
    case 'gzip':
    case 'bzip2':
    case 'xz':
    case 'zstd':
      return magic;
    case 'tar':
      return 'none';
    case 'qcow2':
    case 'disk':
    case 'html':
    case 'unknown':
      return undefined;
  }
}
