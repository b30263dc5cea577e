import { checked } from './failure.ts';
import { DT_DIR, DT_UNKNOWN } from './ffi/constants.ts';
import { libc } from './ffi/libc.ts';

/** An entry of a directory: its name as bytes, and whether it is a directory as far as the file system says. */
export interface DirectoryEntry {
  readonly name: Buffer;
  readonly kind: 'directory' | 'other' | 'unknown';
}

function kindOf(type: number): DirectoryEntry['kind'] {
  if (type === DT_DIR) return 'directory';
  return type === DT_UNKNOWN ? 'unknown' : 'other';
}

/**
 * The next entries of an open directory, without `.` and `..`; undefined at its end. `buffer` is where the kernel
 * writes (32 KiB is a good size); names are copied out of it. getdents64(2).
 */
export function readEntries(fd: number, buffer: Buffer): DirectoryEntry[] | undefined {
  const length = checked('getdents64', libc().getdents64(fd, buffer, buffer.length), () => {
    return 'cannot list a directory';
  });
  if (length === 0) return undefined;
  const entries: DirectoryEntry[] = [];
  for (let at = 0; at < length; at += buffer.readUInt16LE(at + 16)) {
    const start = at + 19;
    const name = Buffer.from(buffer.subarray(start, buffer.indexOf(0, start)));
    if (isDots(name)) continue;
    entries.push({ name, kind: kindOf(buffer.readUInt8(at + 18)) });
  }
  return entries;
}

function isDots(name: Buffer): boolean {
  return name[0] === 0x2e && (name.length === 1 || (name.length === 2 && name[1] === 0x2e));
}
