import { describeError, SdmeError } from '../../base/errors.ts';
import { showBytes } from '../../base/show-bytes.ts';

/** How many are told; the others are counted. */
const told = 10;

/** Files that could not be given away. */
export interface Problems {
  readonly count: number;
  /** The first ones, in words. */
  readonly texts: readonly string[];
}

export const noProblems: Problems = { count: 0, texts: [] };

/** One more file. A full disk concerns all files, so that it ends the work. @throws SdmeError `disk.full` */
export function addProblem({ count, texts }: Problems, error: unknown, path: Buffer): Problems {
  if (error instanceof SdmeError && error.code === 'disk.full') throw error;
  const text = `/${showBytes(path)}: ${describeError(error)}`;
  return { count: count + 1, texts: texts.length < told ? [...texts, text] : texts };
}

/** The files of all threads. */
export function sumProblems(all: readonly Problems[]): Problems {
  return {
    count: all.reduce((sum, { count }) => sum + count, 0),
    texts: all.flatMap(({ texts }) => texts).slice(0, told),
  };
}

/** @throws SdmeError `syscall` when there are any */
export function refuseProblems({ count, texts }: Problems): void {
  if (count === 0) return;
  const more = count > texts.length ? `; and ${count - texts.length} more` : '';
  throw new SdmeError('syscall', `${count} files cannot be given away: ${texts.join('; ')}${more}`, {
    facts: { files: count },
  });
}
