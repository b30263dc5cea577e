import { open } from 'node:fs/promises';
import { cString } from './c-string.ts';
import { checked } from './failure.ts';
import { AT_FDCWD, RENAME_EXCHANGE, RENAME_NOREPLACE } from './ffi/constants.ts';
import { libc } from './ffi/libc.ts';

function rename(from: string, to: string, flags: number): void {
  const result = libc().renameat2(AT_FDCWD, cString(from), AT_FDCWD, cString(to), flags);
  checked('renameat2', result, () => `cannot rename ${from} to ${to}`);
}

/** Renames; never replaces. @throws SdmeError `syscall` with errno EEXIST when `to` is there */
export function renameNoReplace(from: string, to: string): void {
  rename(from, to, RENAME_NOREPLACE);
}

/** Swaps two paths atomically; both must exist on one file system. */
export function renameExchange(a: string, b: string): void {
  rename(a, b, RENAME_EXCHANGE);
}

/** Makes a directory's entries durable: fsync(2) on it. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
