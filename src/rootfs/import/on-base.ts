import { join } from 'node:path';
import { SdmeError } from '../../base/errors.ts';
import { ensureDirIn, kindInNoFollow } from '../../system/fs/beneath.ts';
import { shareTree } from '../copy/share-tree.ts';
import type { ImportWork } from './work.ts';

/**
 * Fills the import's tree with the base rootfs, and makes the directory for an application in it.
 * @returns the directory, which is reached over no link, so that a child can be confined to it by its path
 * @throws SdmeError `exists` when the base has that application, `source.unsupported`; see `shareTree`
 */
export async function makeApplicationRoot(work: ImportWork, baseFs: string, name: string): Promise<string> {
  const { ctx, store, tree } = work;
  ctx.progress.step('base');
  const base = store.layout.rootfsDir(baseFs);
  const sharing = await ctx.withSlot('disk', () => shareTree(ctx, base, tree, store.layout.fsDir));
  ctx.log.info(`base rootfs '${baseFs}': files taken by ${sharing}`);
  for (const path of ['oci', 'oci/apps']) {
    const kind = kindInNoFollow(tree, path);
    if (kind === undefined || kind === 'directory') continue;
    throw new SdmeError(
      'source.unsupported',
      `base rootfs '${baseFs}' has a ${kind} at /${path}; use another base`,
    );
  }
  if (kindInNoFollow(tree, `oci/apps/${name}`) !== undefined) {
    throw new SdmeError(
      'exists',
      `base rootfs '${baseFs}' has an application '${name}' already; use another base`,
    );
  }
  const root = `oci/apps/${name}/root`;
  ensureDirIn(tree, root);
  return join(tree, root);
}
