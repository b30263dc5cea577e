import type { Context } from '../base/context.ts';
import { SdmeError } from '../base/errors.ts';
import type { Layout } from '../base/paths.ts';
import {
  allocateUidRange,
  idsToLookUp,
  rangesOverlap,
  type UidRange,
  uidRangeSize,
} from '../security/uid-ranges.ts';
import { findAccount, localAccountIds } from '../system/accounts.ts';
import { type Lock, waitForLock } from '../system/fs/locks.ts';
import type { Bus } from '../system/systemd/bus.ts';
import { getMachine, listMachineNames } from '../system/systemd/machines.ts';
import { isIdentityMap, readUidMap } from '../system/uid-map.ts';
import { findRecord, listContainerNames } from './state-file.ts';
import { uidRangeOf } from './user-range.ts';

/** Ids that somebody has, and who. */
export interface UsedRange extends UidRange {
  readonly by: string;
}

/** The ranges that other containers have in their records. */
async function recordedRanges(layout: Layout, except: string): Promise<UsedRange[]> {
  const used: UsedRange[] = [];
  for (const name of await listContainerNames(layout)) {
    if (name === except) continue;
    const record = await findRecord(layout, name).catch((error: unknown) => {
      // A damaged record must not keep new containers from being made; while it runs its ids are seen there.
      if (error instanceof SdmeError && error.code === 'input.invalid') return undefined;
      throw error;
    });
    const range = record && uidRangeOf(record);
    if (range !== undefined) used.push({ ...range, by: name });
  }
  return used;
}

/** The host's ids that running machines have, of whoever started them. */
export async function runningRanges(ctx: Context, bus: Bus, except: string): Promise<UsedRange[]> {
  const used: UsedRange[] = [];
  for (const name of await listMachineNames(bus, ctx)) {
    const machine = name === except ? undefined : await getMachine(bus, name, ctx);
    if (machine === undefined) continue;
    const mappings = await readUidMap(machine.leader);
    if (isIdentityMap(mappings)) continue;
    used.push(...mappings.map(({ outside, size }) => ({ base: outside, size, by: name })));
  }
  return used;
}

/**
 * The account that has an id of a range, or was given some of them; undefined when none has. Of accounts that are not
 * in this machine's files those are found whose ids nspawn asks for too.
 */
export async function accountIn(ctx: Context, range: UidRange): Promise<string | undefined> {
  const local = (await localAccountIds()).find((ids) => rangesOverlap(ids, range));
  return local?.by ?? (await findAccount(idsToLookUp(range), ctx));
}

/** A range that nobody has, held until it stands in the container's record. */
export interface ReservedRange extends AsyncDisposable {
  readonly range: UidRange;
}

/** What a range must be. */
export interface RangeRequest {
  /** A multiple of a slot's 65,536 ids; absent: one. */
  readonly size?: number | undefined;
  /** Ranges that are not wanted. */
  readonly except?: readonly UidRange[];
}

/**
 * Finds a range for a container: nspawn's own pick for its name if that is free, else the next free one (contract
 * 4.3), with ids of no account and none of `except`. No other allocation happens until it is disposed; by then it must be in the record.
 *
 * @throws SdmeError `state.conflict` when all are taken; `process.failed` when accounts cannot be asked for; `dbus`,
 * `io`
 */
export async function reserveUidRange(
  ctx: Context,
  bus: Bus,
  container: string,
  layout: Layout,
  { size = uidRangeSize, except = [] }: RangeRequest = {},
): Promise<ReservedRange> {
  const target = { kind: 'userns', name: 'shift', mode: 'exclusive' } as const;
  const lock: Lock = await waitForLock(layout, target, ctx.signal);
  try {
    const used: UidRange[] = [
      ...except,
      ...(await localAccountIds()),
      ...(await recordedRanges(layout, container)),
      ...(await runningRanges(ctx, bus, container)),
    ];
    const slots = size / uidRangeSize;
    let range = allocateUidRange(container, used, slots);
    while ((await findAccount(idsToLookUp(range), ctx)) !== undefined) {
      used.push(range);
      range = allocateUidRange(container, used, slots);
    }
    return { range, [Symbol.asyncDispose]: () => lock.release() };
  } catch (error) {
    await lock.release();
    throw error;
  }
}
