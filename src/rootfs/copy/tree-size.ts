import { run } from '../../system/exec/run.ts';

/** What a tree takes on its disk. */
export interface TreeSize {
  readonly bytes: number;
  readonly inodes: number;
}

/**
 * Bytes and entries of a tree on one file system, as du(1) counts them.
 * @throws SdmeError `process.failed`; the signal's reason
 */
export async function treeSize(source: string, signal: AbortSignal): Promise<TreeSize> {
  const options = ['--summarize', '--one-file-system'];
  const count = async (unit: string): Promise<number> => {
    const { stdout } = await run('du', [...options, unit, '--', source], { signal });
    return Number(/^[0-9]+/.exec(stdout)?.[0] ?? 0);
  };
  return { bytes: await count('--block-size=1'), inodes: await count('--inodes') };
}
