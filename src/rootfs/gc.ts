import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Context } from '../base/context.ts';
import { SdmeError } from '../base/errors.ts';
import { nameProblem } from '../base/names.ts';
import { errnoOf } from '../system/failure.ts';
import { removeFreeLocks, takeLock } from '../system/fs/locks.ts';
import { clearStaleStaging } from '../system/fs/stale-staging.ts';
import { settleRecords } from './import/records.ts';
import type { Store } from './store.ts';

/** Removes what dead processes left for one name, when the configuration asks for it. The caller holds its lock. */
export async function clearStale(ctx: Context, { layout, settings }: Store, name: string): Promise<void> {
  if (!settings.auto_fs_gc) return;
  const removed = await clearStaleStaging(layout.fsDir, { name, signal: ctx.signal });
  for (const file of removed) ctx.log.info(`removed ${file}, left by a process that is gone`);
}

/** The rootfs a file beside the trees belongs to, for `.NAME.meta`, `.NAME.env` and their temporary forms. */
export function ownerOfRecord(file: string): string | undefined {
  const name = /^\.{1,2}([a-z0-9-]+)\.(?:meta|env)(?:\.next)?(?:\.tmp)?$/.exec(file)?.[1];
  return name !== undefined && nameProblem(name) === undefined ? name : undefined;
}

/** Records of imports that were cut off at their commit: without a rootfs, or beside the one they replaced. */
async function removeOrphanRecords(store: Store): Promise<string[]> {
  const { layout } = store;
  const files = await readdir(layout.fsDir);
  const present = new Set(files);
  const removed: string[] = [];
  for (const file of files) {
    const name = ownerOfRecord(file);
    if (name === undefined || (present.has(name) && !file.endsWith('.next'))) continue;
    try {
      // An import that is about to commit holds this lock.
      await using _lock = await takeLock(layout, { kind: 'fs', name, mode: 'exclusive' });
      if ((await readdir(layout.fsDir)).includes(name)) {
        await settleRecords(layout, name);
        continue;
      }
      await rm(join(layout.fsDir, file), { force: true });
      removed.push(file);
    } catch (error) {
      if (!(error instanceof SdmeError && error.code === 'lock.busy')) throw error;
    }
  }
  return removed;
}

async function storeIsThere({ layout }: Store): Promise<boolean> {
  try {
    await readdir(layout.fsDir);
    return true;
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return false;
    throw new SdmeError('io', `cannot list ${layout.fsDir}`, { cause });
  }
}

/** Removes what dead processes left in the store; returns the names of the files and directories removed. */
export async function collectGarbage(ctx: Context, store: Store): Promise<{ removed: string[] }> {
  if (!(await storeIsThere(store))) return { removed: [] };
  ctx.progress.step('remove');
  const { fsDir } = store.layout;
  const stale = await ctx.withSlot('disk', () => clearStaleStaging(fsDir, { signal: ctx.signal }));
  const records = await removeOrphanRecords(store);
  const present = new Set(await readdir(fsDir));
  const locks = await removeFreeLocks(store.layout, 'fs', (name) => !present.has(name));
  if (locks > 0) ctx.log.info(`removed ${locks} lock files of names that no rootfs has`);
  return { removed: [...stale, ...records] };
}
