import { SdmeError } from '../src/base/errors.ts';
import type { Handler } from './deps.ts';

/** Stands for a kind that this version can describe but not yet do; such a job fails and says so. */
export function absentHandler(kind: string): Handler<unknown, never> {
  return async () => {
    throw new SdmeError('job.kind-unknown', `this worker cannot do ${kind} jobs; update sdme on this host`);
  };
}
