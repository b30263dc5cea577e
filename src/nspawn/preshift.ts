import { rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { ChildRunner, Context } from '../base/context.ts';
import { SdmeError } from '../base/errors.ts';
import { runChild } from '../contracts/child.ts';
import { uidPreshift } from '../contracts/uid-preshift.ts';
import { shiftTree, type TreeToShift } from '../security/shift/shift-tree.ts';
import { uidShift } from '../security/uid-shift.ts';
import { connectBus } from '../system/systemd/bus.ts';
import { unitState } from '../system/systemd/units.ts';
import type { ContainerDeps } from './deps.ts';
import { type LayerPaths, layerMounts, layersOf } from './layer-mounts.ts';
import type { ContainerRecord } from './record.ts';
import { type Pending, pendingFile, readPending } from './shift-pending.ts';
import { readRecord } from './state-file.ts';
import { prepareSubmounts } from './submount-layers.ts';
import { unitName } from './template-unit.ts';
import { shiftFromRootfs, uidRangeOf } from './user-range.ts';

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

/** A second overlay over the layers of a running container would change its files behind its back. */
async function refuseRunning(ctx: Context, name: string): Promise<void> {
  await using bus = await connectBus(ctx);
  const { activeState } = await unitState(bus, unitName(name), ctx);
  if (activeState === 'inactive' || activeState === 'failed') return;
  throw new SdmeError(
    'state.conflict',
    `container '${name}' runs, so its files cannot be given away: stop it first`,
    { facts: { container: name } },
  );
}

/**
 * Gives the files of a container to the users of its namespace: all that it sees of its rootfs is copied into its own
 * layer for that. A killed run is gone on with by the next; a container whose files are given away is left alone.
 *
 * @returns how many files there were
 * @throws SdmeError `not-found`, `state.conflict` also while it runs, `syscall`, `disk.full`, `dbus`
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
  await refuseRunning(ctx, name);
  ctx.progress.step('shift');
  let files = 0;
  // Killed before its record got another range, the container keeps the one it has.
  if (pending.from !== range.base) {
    const { from } = pending;
    const shift = from === 0 ? shiftFromRootfs(range) : uidShift(from, range.base, range.size);
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
