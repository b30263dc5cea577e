import { getSystemErrorMessage } from 'node:util';
import { type ErrorCode, SdmeError } from '../../base/errors.ts';
import { showBytes } from '../../base/show-bytes.ts';
import { errnoName } from '../../system/failure.ts';

/** An entry that is refused: names it, escaped. */
export function entryError(
  name: Uint8Array,
  reason: string,
  code: ErrorCode = 'unpack.entry-invalid',
): SdmeError {
  const shown = showBytes(name);
  return new SdmeError(code, `entry "${shown}" ${reason}`, { facts: { entry: shown } });
}

/** Errors that are the machine's fault, not the entry's. */
const machineErrors = new Set(['EIO', 'EROFS', 'EMFILE', 'ENFILE', 'ENOMEM', 'EUCLEAN', 'ESTALE']);

/** What the kernel said to an entry, as an error: `errno` is positive. */
export function kernelRefusal(name: Uint8Array, wanted: string, errno: number): SdmeError {
  const known = errnoName(errno);
  if (known === 'ENOSPC' || known === 'EDQUOT') {
    return entryError(
      name,
      `cannot be written: the disk is full; free some space and try again`,
      'disk.full',
    );
  }
  const code = machineErrors.has(known) ? 'io' : 'unpack.entry-invalid';
  return entryError(name, `${wanted}: ${getSystemErrorMessage(-errno)} (${known})`, code);
}
