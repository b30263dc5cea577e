import { rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { ChildRunner, Context } from '../base/context.ts';
import { SdmeError } from '../base/errors.ts';
import type { Layout } from '../base/paths.ts';
import { newUlid } from '../base/ulid.ts';
import { runChild } from '../contracts/child.ts';
import { uidPreshift } from '../contracts/uid-preshift.ts';
import { shiftTree, type TreeToShift } from '../security/shift/shift-tree.ts';
import { uidShift } from '../security/uid-shift.ts';
import { readTextFile, replaceFile } from '../system/fs/replace-file.ts';
import type { ContainerDeps } from './deps.ts';
import { type LayerPaths, layerMounts, layersOf } from './layer-mounts.ts';
import type { ContainerRecord } from './record.ts';
import { readRecord } from './state-file.ts';
import { prepareSubmounts } from './submount-layers.ts';
import { uidRangeOf } from './user-range.ts';

/**
 * The file in a container's directory that is there as long as its files are not all given away. It holds an id of
 * this giving away, so that the end of another one is not taken for it, and the first of the ids that are moved.
 */
function pendingFile(layout: Layout, name: string): string {
  return join(layout.containerDir(name), 'shift-pending');
}

interface Pending {
  readonly id: string;
  /** 0: the ids of the rootfs below; else those of a range that the container had before. */
  readonly from: number;
}

async function readPending(layout: Layout, name: string): Promise<Pending | undefined> {
  const path = pendingFile(layout, name);
  const text = await readTextFile(path);
  if (text === undefined) return undefined;
  const [, id, from] = /^([0-9A-Z]{26}) ([0-9]{1,10})\n$/.exec(text) ?? [];
  if (id === undefined || from === undefined) throw new SdmeError('io', `${path} is damaged`);
  return { id, from: Number(from) };
}

/**
 * Notes that a container's files must be given away before its next start: `from` are the ids they have, the record
 * says which they get. Comes before the record is written.
 */
export async function demandPreshift(
  record: ContainerRecord,
  from: number,
  { layout }: ContainerDeps,
): Promise<void> {
  await replaceFile(pendingFile(layout, record.NAME), `${newUlid()} ${from}\n`, 0o600);
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
  const pending = await readPending(layout, record.NAME);
  if (pending === undefined) return;
  await runChild(ctx, uidPreshift, `preshift-${pending.id.toLowerCase()}`, { name: record.NAME });
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
  const pending = await readPending(layout, name);
  if (pending === undefined) return { name, files: 0 };
  const range = uidRangeOf(record);
  if (range === undefined) {
    throw new SdmeError('state.conflict', `container '${name}' has no users of its own to give its files to`);
  }
  ctx.progress.step('shift');
  let files = 0;
  // Killed before its record got another range, the container keeps the one it has.
  if (pending.from !== range.base) {
    const shift = uidShift(pending.from, range.base, range.size);
    const layers = layersOf(record, layout, await prepareSubmounts(record, deps));
    for (const [index, layer] of layers.entries()) {
      const item = `shift-${index}`;
      const notes = join(layout.containerDir(name), `shift-notes-${index}`);
      const tree = { ...treeOf(record, layer, pending), notes, shift, item, threads: availableParallelism() };
      files += await ctx.withSlot('disk', () => shiftTree(ctx, tree));
    }
  }
  await rm(pendingFile(layout, name));
  return { name, files };
}

/** What is to be given away: all that the container sees, or, of a range it had before, what is its own. */
function treeOf(
  record: ContainerRecord,
  layer: LayerPaths,
  { from }: Pending,
): Pick<TreeToShift, 'mounts' | 'root'> {
  if (from !== 0) return { mounts: [], root: layer.upper };
  const [overlay] = layerMounts(record, [layer]);
  return { mounts: overlay === undefined ? [] : [overlay.arguments], root: layer.merged };
}
