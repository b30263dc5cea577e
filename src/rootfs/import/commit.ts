import type { FsImportResult } from '../../contracts/fs-import.ts';
import type { Staging } from '../../system/fs/staging.ts';
import { environmentFile, rootfsMeta } from '../image-meta.ts';
import { familyOfTree } from '../inspect.ts';
import { rootfsExists } from '../store.ts';
import { checkUnused } from '../usage.ts';
import type { Filled } from './filled.ts';
import { type ImportRecords, removeRecords, settleRecords, writeRecords } from './records.ts';
import type { ImportWork } from './work.ts';

function recordsOf({ ctx, tree }: ImportWork, filled: Filled): ImportRecords {
  const family = familyOfTree(tree);
  if (filled.image === undefined) return { meta: rootfsMeta(family), environment: undefined };
  const { text, refused } = environmentFile(filled.image.config.env);
  for (const name of refused) ctx.log.warn(`the image's variable ${JSON.stringify(name)} cannot be kept`);
  return { meta: rootfsMeta(family, filled.image.config), environment: text };
}

function resultOf({ store, input }: ImportWork, filled: Filled): FsImportResult {
  const { image, ...counts } = filled;
  const path = store.layout.rootfsDir(input.name);
  if (image === undefined) return { name: input.name, path, ...counts };
  const { reference, manifestDigest } = image;
  return {
    name: input.name,
    path,
    ...counts,
    image: image.class,
    manifestDigest,
    ...(filled.kind === 'registry' ? { reference } : {}),
  };
}

/**
 * Puts a filled and prepared tree into its place: records first, then one rename; with `force` the tree that was
 * there is swapped out in the same step, and its records after it. @throws SdmeError `in-use`, `exists`, `disk.full`; the signal's reason
 */
export async function commitImport(
  work: ImportWork,
  staging: Staging,
  filled: Filled,
): Promise<FsImportResult> {
  const { ctx, store, input, tree } = work;
  ctx.progress.step('commit');
  ctx.signal.throwIfAborted();
  const result = resultOf(work, filled);
  // Again: a container may have been made of the old rootfs since the import began.
  if (input.force) await checkUnused(store.layout, input.name);
  const replacing = await rootfsExists(store.layout, input.name);
  try {
    await writeRecords(store.layout, tree, ctx.jobId, result, recordsOf(work, filled), replacing);
    await staging.commit({ replace: input.force });
  } catch (error) {
    if (replacing) await settleRecords(store.layout, input.name);
    else await removeRecords(store.layout, input.name);
    throw error;
  }
  if (replacing) await settleRecords(store.layout, input.name);
  return result;
}
