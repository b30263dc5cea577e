import { SdmeError } from '../base/errors.ts';
import { errnoOf } from '../system/failure.ts';

/** An error of a file operation on `path` as one of ours: a full disk or quota is `disk.full`, others `io`. */
export function diskError(thrown: unknown, path: string): unknown {
  const errno = errnoOf(thrown);
  if (errno === 'ENOSPC' || errno === 'EDQUOT') {
    return new SdmeError(
      'disk.full',
      `no space left on the disk that holds ${path}; free some and try again`,
      {
        cause: thrown,
      },
    );
  }
  if (thrown instanceof SdmeError || errno === undefined) return thrown;
  return new SdmeError('io', `cannot write ${path}`, { cause: thrown, facts: { errno } });
}
