import { getSystemErrorMessage, getSystemErrorName } from 'node:util';
import { SdmeError } from '../base/errors.ts';
import { libc } from './ffi/libc.ts';

/** The name of an errno, e.g. `ENOENT`. */
export function errnoName(errno: number): string {
  return errno > 0 ? getSystemErrorName(-errno) : `errno ${errno}`;
}

/**
 * A refusal of the kernel as an error: code `syscall`, or `disk.full` for ENOSPC and EDQUOT, with the facts
 * `errno` (its name) and `op` (the call). `what` says what was wanted, e.g. `cannot lock /x`.
 */
export function kernelError(op: string, errno: number, what: string): SdmeError {
  const name = errnoName(errno);
  const facts = { errno: name, op };
  if (name === 'ENOSPC' || name === 'EDQUOT') {
    return new SdmeError('disk.full', `${what}: the disk is full; free some space and try again`, { facts });
  }
  return new SdmeError('syscall', `${what}: ${getSystemErrorMessage(-errno)} (${op}: ${name})`, { facts });
}

/**
 * The result of a call of {@link libc}, when it is none of failure. Must be given the result directly, in the
 * same tick: errno does not survive other work (style.md, koffi facts). @throws see {@link kernelError}
 */
export function checked(op: string, result: number, what: () => string): number {
  if (result !== -1) return result;
  throw kernelError(op, libc().errno(), what());
}

/** The name of the errno of a failed call, ours or Node's; undefined for other errors. */
export function errnoOf(thrown: unknown): string | undefined {
  if (thrown instanceof SdmeError) {
    const { errno } = thrown.facts;
    return typeof errno === 'string' ? errno : undefined;
  }
  if (thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string') return thrown.code;
  return undefined;
}
