import type { Context } from '../../base/context.ts';
import { copyTree } from '../copy/copy-tree.ts';
import type { Store } from '../store.ts';
import { type Filled, noBytes } from './filled.ts';

/** Fills the tree with a copy of a directory. @throws see `copyTree` */
export async function fillFromDirectory(
  ctx: Context,
  store: Store,
  path: string,
  tree: string,
): Promise<Filled> {
  ctx.progress.step('unpack');
  const copied = await ctx.withSlot('disk', () => copyTree(ctx, path, tree, store.layout.fsDir));
  return { kind: 'directory', ...copied, ...noBytes };
}
