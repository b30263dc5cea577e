import { z } from 'zod';
import { SdmeError } from '../../base/errors.ts';
import type { StopMode } from '../../contracts/index.ts';

/** Options of verbs that stop containers. */
export const stopOptions = { term: z.boolean().default(false), kill: z.boolean().default(false) };

/** How to stop. @throws SdmeError `usage` for both at once */
export function stopModeOf({ term, kill }: { readonly term: boolean; readonly kill: boolean }): StopMode {
  if (term && kill) throw new SdmeError('usage', '--term and --kill exclude each other');
  if (kill) return 'kill';
  return term ? 'terminate' : 'graceful';
}
