import { SdmeError } from '../../base/errors.ts';
import { errorCode } from '../http/failures.ts';

/** A failed file operation of the cache as one of ours; errors of ours pass through. */
export function diskFailure(error: unknown, doing: string): SdmeError {
  if (error instanceof SdmeError) return error;
  const code = errorCode(error);
  const facts = code === undefined ? {} : { errno: code };
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new SdmeError(
      'disk.full',
      `the disk is full while ${doing}; free some space, e.g. with 'sdme fs cache clean'`,
      {
        cause: error,
        facts,
      },
    );
  }
  return new SdmeError('io', `${doing} failed: ${code ?? 'unknown error'}`, { cause: error, facts });
}
