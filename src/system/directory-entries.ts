import { checked } from './failure.ts';
import { DT_DIR, DT_UNKNOWN } from './ffi/constants.ts';
import { libc } from './ffi/libc.ts';

/** An entry of a directory: its name as bytes, and whether it is a directory as far as the file system says. */
export interface DirectoryEntry {
  readonly name: Buffer;
  /** The name with the NUL behind it, as calls take it. */
  readonly terminated: Buffer;
  readonly kind: 'directory' | 'other' | 'unknown';
}

const dot = 0x2e;
const cannotList = (): string => 'cannot list a directory';

function kindOf(type: number): DirectoryEntry['kind'] {
  if (type === DT_DIR) return 'directory';
  return type === DT_UNKNOWN ? 'unknown' : 'other';
}

/**
 * The next entries of an open directory, without `.` and `..`; undefined at its end. `buffer` is where the kernel
 * writes (32 KiB is a good size); names are copied out of it. getdents64(2).
 */
export function readEntries(fd: number, buffer: Buffer): DirectoryEntry[] | undefined {
  const length = checked('getdents64', libc().getdents64(fd, buffer, buffer.length), cannotList);
  if (length === 0) return undefined;
  const entries: DirectoryEntry[] = [];
  for (let at = 0; at < length; at += buffer.readUInt16LE(at + 16)) {
    const start = at + 19;
    const terminated = Buffer.from(buffer.subarray(start, buffer.indexOf(0, start) + 1));
    const name = terminated.subarray(0, -1);
    if (isDots(name)) continue;
    entries.push({ name, terminated, kind: kindOf(buffer.readUInt8(at + 18)) });
  }
  return entries;
}

function isDots(name: Buffer): boolean {
  return name[0] === dot && (name.length === 1 || (name.length === 2 && name[1] === dot));
}

/** What {@link countEntries} finds in a directory. */
export interface EntryCount {
  readonly entries: number;
  /** Names of those that are directories as far as the file system says. */
  readonly directories: readonly Buffer[];
}

/** How many entries an open directory has, without `.` and `..`, which is less work than {@link readEntries}. */
export function countEntries(fd: number, buffer: Buffer): EntryCount {
  let entries = 0;
  const directories: Buffer[] = [];
  for (;;) {
    const length = checked('getdents64', libc().getdents64(fd, buffer, buffer.length), cannotList);
    if (length === 0) return { entries, directories };
    for (let at = 0; at < length; at += buffer.readUInt16LE(at + 16)) {
      const start = at + 19;
      const isDirectory = buffer.readUInt8(at + 18) === DT_DIR;
      if (!isDirectory && buffer.readUInt8(start) !== dot) {
        entries += 1;
        continue;
      }
      const name = buffer.subarray(start, buffer.indexOf(0, start));
      if (isDots(name)) continue;
      entries += 1;
      if (isDirectory) directories.push(Buffer.from(name));
    }
  }
}
