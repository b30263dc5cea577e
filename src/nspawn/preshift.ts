import { rm, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { ChildRunner, Context } from '../base/context.ts';
import { SdmeError } from '../base/errors.ts';
import type { Layout } from '../base/paths.ts';
import { newUlid } from '../base/ulid.ts';
import { runChild } from '../contracts/child.ts';
import { uidPreshift } from '../contracts/uid-preshift.ts';
import { shiftTree } from '../security/shift/shift-tree.ts';
import { uidShift } from '../security/uid-shift.ts';
import { readTextFile } from '../system/fs/replace-file.ts';
import type { ContainerDeps } from './deps.ts';
import { layerMounts, layersOf } from './layer-mounts.ts';
import type { ContainerRecord } from './record.ts';
import { readRecord } from './state-file.ts';
import { prepareSubmounts } from './submount-layers.ts';
import { uidRangeOf } from './user-range.ts';

/**
 * The file in a container's directory that is there as long as its files are not all given away. It holds an id of
 * these layers, so that the end of an earlier container's shift is not taken for theirs.
 */
function pendingFile(layout: Layout, name: string): string {
  return join(layout.containerDir(name), 'shift-pending');
}

/** Notes that a container's files must be given away before its first start. Comes before its record is written. */
export async function demandPreshift(record: ContainerRecord, { layout }: ContainerDeps): Promise<void> {
  if (record.USERNS_MAPPING !== 'shift') return;
  await writeFile(pendingFile(layout, record.NAME), newUlid(), { mode: 0o600 });
}

/**
 * Has a container's files given away by a child job, if that was not finished before.
 * @throws SdmeError `job.child-failed`; the signal's reason
 */
export async function ensurePreshift(
  ctx: Context & ChildRunner,
  record: ContainerRecord,
  { layout }: ContainerDeps,
): Promise<void> {
  const pending = await readTextFile(pendingFile(layout, record.NAME));
  if (pending === undefined) return;
  await runChild(ctx, uidPreshift, `preshift-${pending.toLowerCase()}`, { name: record.NAME });
}

/**
 * Gives the files of a container to the users of its namespace: all that it sees of its rootfs is copied into its own
 * layer for that. A killed run is gone on with by the next; a container whose files are given away is left alone.
 *
 * @returns how many files there were
 * @throws SdmeError `not-found`, `state.conflict`, `syscall`, `disk.full`
 */
export async function preshiftContainer(
  ctx: Context,
  { name }: { readonly name: string },
  deps: ContainerDeps,
): Promise<{ name: string; files: number }> {
  const { layout } = deps;
  const record = await readRecord(layout, name);
  if ((await readTextFile(pendingFile(layout, name))) === undefined) return { name, files: 0 };
  const range = uidRangeOf(record);
  if (range === undefined) {
    throw new SdmeError('state.conflict', `container '${name}' has no users of its own to give its files to`);
  }
  const shift = uidShift(0, range.base, range.size);
  const layers = layersOf(record, layout, await prepareSubmounts(record, deps));
  ctx.progress.step('shift');
  let files = 0;
  for (const [index, layer] of layers.entries()) {
    const mounts = layerMounts(record, [layer]).map((mount) => mount.arguments);
    const notes = join(layout.containerDir(name), `shift-notes-${index}`);
    const tree = { mounts, root: layer.merged, notes, shift, threads: availableParallelism() };
    files += await ctx.withSlot('disk', () => shiftTree(ctx, { ...tree, item: `shift-${index}` }));
  }
  await rm(pendingFile(layout, name));
  return { name, files };
}
