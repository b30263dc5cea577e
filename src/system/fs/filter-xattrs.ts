import { lstatSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { showBytes } from '../../base/show-bytes.ts';
import { cString } from '../c-string.ts';
import { errnoName, kernelError } from '../failure.ts';
import { libc } from '../ffi/libc.ts';

/** How long the event loop is held at a time, in milliseconds. */
const sliceMs = 5;

const slash = Buffer.from('/');

/** Names of the extended attributes of `path` itself, a symlink included; none where they are not supported. */
function xattrNames(path: Buffer, buffer: Buffer): string[] {
  const length = libc().llistxattr(path, buffer, buffer.length);
  if (length === -1) {
    const errno = libc().errno();
    if (errnoName(errno) === 'ENOTSUP') return [];
    throw kernelError('llistxattr', errno, `cannot list the attributes of ${showBytes(path)}`);
  }
  return buffer.toString('latin1', 0, length).split('\0').slice(0, -1);
}

function removeXattr(path: Buffer, name: string): void {
  if (libc().lremovexattr(path, cString(name)) !== -1) return;
  const errno = libc().errno();
  if (errnoName(errno) === 'ENODATA') return;
  throw kernelError('lremovexattr', errno, `cannot remove ${name} of ${showBytes(path)}`);
}

/** The size of a file; 0 when another of its names was counted before. */
function newBytes(path: Buffer, linked: Set<bigint>): number {
  const { size, nlink, ino } = lstatSync(path, { bigint: true });
  if (nlink > 1n) {
    if (linked.has(ino)) return 0;
    linked.add(ino);
  }
  return Number(size);
}

/**
 * Removes every extended attribute that `keep` refuses from a tree that nobody else writes to, and counts its
 * entries and bytes. Symlinks are not followed. The event loop gets a turn every few milliseconds.
 *
 * @throws SdmeError `syscall`; the signal's reason
 */
export async function filterXattrs(
  root: string,
  keep: (name: string) => boolean,
  signal: AbortSignal,
): Promise<{ entries: number; bytes: number }> {
  const buffer = Buffer.allocUnsafe(64 * 1024);
  const pending: Buffer[] = [Buffer.from(root)];
  const counts = { entries: 0, bytes: 0 };
  const linked = new Set<bigint>();
  let sliceEnd = performance.now() + sliceMs;
  const visit = (path: Buffer): void => {
    const terminated = Buffer.concat([path, Buffer.alloc(1)]);
    for (const name of xattrNames(terminated, buffer)) if (!keep(name)) removeXattr(terminated, name);
    counts.entries += 1;
  };
  visit(Buffer.from(root));
  for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
    for (const entry of await readdir(directory, { encoding: 'buffer', withFileTypes: true })) {
      const path = Buffer.concat([directory, slash, entry.name]);
      visit(path);
      if (entry.isDirectory()) pending.push(path);
      if (entry.isFile()) counts.bytes += newBytes(path, linked);
      if (performance.now() < sliceEnd) continue;
      await nextTurn();
      signal.throwIfAborted();
      sliceEnd = performance.now() + sliceMs;
    }
  }
  return counts;
}
