import { mkdir } from 'node:fs/promises';
import type { Context } from '../base/context.ts';
import { SdmeError } from '../base/errors.ts';
import { shiftSmallTree } from '../security/shift/shift-small-tree.ts';
import { removeTree } from '../system/fs/remove-tree.ts';
import type { Bus } from '../system/systemd/bus.ts';
import type { ContainerDeps } from './deps.ts';
import { type LayerPaths, layersOf } from './layer-mounts.ts';
import type { ContainerRecord } from './record.ts';
import { prepareSubmounts } from './submount-layers.ts';
import { rehearseMapping } from './user-mapping.ts';
import { shiftFromRootfs, uidRangeOf } from './user-range.ts';
import { reserveUidRange } from './user-range-allocation.ts';

/** A record whose user namespace is settled. Its ids are kept from others until it is written and this disposed. */
export interface SettledUsers extends AsyncDisposable {
  readonly record: ContainerRecord;
}

/** Makes the mount points of the mapped lower layers. */
async function makeLowerDirectories(layers: readonly LayerPaths[]): Promise<void> {
  for (const { lower } of layers) {
    try {
      await mkdir(lower, { recursive: true, mode: 0o755 });
    } catch (cause) {
      throw new SdmeError('io', `cannot make the directory ${lower}`, { cause });
    }
  }
}

/** The record with the way in which its files get the ids, as settings and machine have it. */
async function chooseMapping(
  ctx: Context,
  record: ContainerRecord,
  deps: ContainerDeps,
): Promise<ContainerRecord> {
  const wanted = deps.settings.userns_mapping;
  // Then every file is copied to give it away.
  const shifted: ContainerRecord = { ...record, USERNS_MAPPING: 'shift' };
  if (wanted === 'shift') return shifted;
  const mapped: ContainerRecord = { ...record, USERNS_MAPPING: 'idmap' };
  const layers = layersOf(mapped, deps.layout, await prepareSubmounts(mapped, deps));
  await makeLowerDirectories(layers);
  try {
    await rehearseMapping(ctx, mapped, layers);
    return mapped;
  } catch (error) {
    const isUnsupported = error instanceof SdmeError && error.code === 'system.unsupported';
    if (wanted === 'idmap' || !isUnsupported) throw error;
    // Their layers were made for the mapped users.
    await removeTree(`${deps.layout.containerDir(record.NAME)}/submounts`);
    return shifted;
  }
}

/**
 * Settles which of the host's ids a new container's users are, and how its files come to belong to them. Its layer
 * directories must be there. Does nothing for a container without a user namespace.
 *
 * @throws SdmeError `state.conflict`, `dbus`, `io`
 */
export async function settleUsers(
  ctx: Context,
  bus: Bus,
  record: ContainerRecord,
  deps: ContainerDeps,
): Promise<SettledUsers> {
  if (record.USERNS === undefined) return { record, [Symbol.asyncDispose]: async () => {} };
  const reserved = await reserveUidRange(ctx, bus, record.NAME, deps.layout, { size: record.USERNS_RANGE });
  try {
    const { base, size } = reserved.range;
    const chosen = await chooseMapping(ctx, { ...record, USERNS_SHIFT: base, USERNS_RANGE: size }, deps);
    return { record: chosen, [Symbol.asyncDispose]: () => reserved[Symbol.asyncDispose]() };
  } catch (error) {
    await reserved[Symbol.asyncDispose]();
    throw error;
  }
}

/** Gives what was written into a container's own layer to the container's users. May be called again after more. */
export function giveLayerToUsers(record: ContainerRecord, { layout }: ContainerDeps): void {
  const range = record.USERNS_MAPPING === undefined ? undefined : uidRangeOf(record);
  if (range === undefined) return;
  shiftSmallTree(`${layout.containerDir(record.NAME)}/upper`, shiftFromRootfs(range));
}
