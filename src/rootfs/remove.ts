import type { Context } from '../base/context.ts';
import { removeByStaging } from '../system/fs/staging.ts';
import { clearStale } from './gc.ts';
import { removeRecords } from './import/records.ts';
import { requireRootfs, type Store } from './store.ts';
import { checkUnused } from './usage.ts';

/**
 * Removes a rootfs and what is kept beside it. It is renamed out of sight first, in one step, so that a half
 * removed tree is never taken for a rootfs; a removal that was cut off is finished by the next one or by gc.
 * The caller holds its lock.
 *
 * @throws SdmeError `not-found`, `in-use`; the signal's reason while nothing is removed yet
 */
export async function removeRootfs(ctx: Context, store: Store, name: string): Promise<{ name: string }> {
  const { layout } = store;
  await clearStale(ctx, store, name);
  await requireRootfs(layout, name);
  await checkUnused(layout, name);
  ctx.signal.throwIfAborted();
  ctx.progress.step('remove');
  await ctx.withSlot('disk', async () => {
    // Not under the signal: once the name is gone the tree goes too, and a cancel comes too late.
    await removeByStaging(layout.rootfsDir(name));
    await removeRecords(layout, name);
  });
  return { name };
}
