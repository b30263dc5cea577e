import type { Context } from '../../base/context.ts';
import { SdmeError } from '../../base/errors.ts';
import { run } from '../../system/exec/run.ts';
import { filterXattrs } from '../../system/fs/filter-xattrs.ts';
import { checkSpace, diskSpace } from '../disk-space.ts';
import { checkCopySource } from './source.ts';
import { treeSize } from './tree-size.ts';
import { keepsXattr } from './xattr-rules.ts';

/** What was written. */
export interface Copied {
  readonly entries: number;
  /** Bytes of file content. */
  readonly bytes: number;
}

/** A full disk is told by what cp says; everything else stays as it is. */
function copyError(thrown: unknown, target: string): unknown {
  if (thrown instanceof SdmeError && /No space left on device|Disk quota exceeded/.test(thrown.message)) {
    return new SdmeError(
      'disk.full',
      `no space left on the disk that holds ${target}; free some and try again`,
      {
        cause: thrown,
      },
    );
  }
  return thrown;
}

/**
 * Copies a directory's tree into the empty directory `target`: owners, modes, times, attributes, hard links, holes,
 * devices and symlinks as they are, blocks shared where the file system can. Other file systems mounted in it are
 * left out. `store` is the directory that must not be copied into itself.
 *
 * @throws SdmeError `disk.full`, `source.unsupported`, `process.failed`; the signal's reason
 */
export async function copyTree(ctx: Context, from: string, target: string, store: string): Promise<Copied> {
  const source = await checkCopySource(from, store);
  const need = await treeSize(source.path, ctx.signal);
  if (!source.shares) checkSpace(target, await diskSpace(target), need);
  const item = ctx.progress.item('copy', { label: from, unit: 'files', total: need.inodes });
  const options = ['--archive', '--no-preserve=context', '--one-file-system', '--reflink=auto', '--verbose'];
  try {
    await run('cp', [...options, '--no-target-directory', '--', source.path, target], {
      signal: ctx.signal,
      maxOutput: 64 * 1024,
      // One line for each entry; a name with a line break counts twice, which a bar can bear.
      onLine: (stream) => {
        if (stream === 'stdout') item.add(1);
      },
    });
  } catch (error) {
    ctx.signal.throwIfAborted();
    throw copyError(error, target);
  }
  const counts = await filterXattrs(target, keepsXattr, ctx.signal);
  item.end();
  return counts;
}
