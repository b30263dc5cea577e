import type { ChildRunner, Context } from '../base/context.ts';
import { rangesOverlap, type UidRange } from '../security/uid-ranges.ts';
import type { Bus } from '../system/systemd/bus.ts';
import type { ContainerDeps } from './deps.ts';
import { ensurePreshift } from './preshift.ts';
import type { ContainerRecord } from './record.ts';
import { demandPreshift } from './shift-pending.ts';
import { writeRecord } from './state-file.ts';
import { uidRangeOf } from './user-range.ts';
import { accountIn, reserveUidRange, runningRanges } from './user-range-allocation.ts';

/** Who else has ids of a container's range by now. */
async function takerOf(
  ctx: Context,
  bus: Bus,
  record: ContainerRecord,
  range: UidRange,
): Promise<string | undefined> {
  const running = await runningRanges(ctx, bus, record.NAME);
  const other = running.find((used) => rangesOverlap(used, range));
  if (other !== undefined) return `running container '${other.by}'`;
  const account = await accountIn(ctx, range);
  return account === undefined ? undefined : `ids of account '${account}'`;
}

/**
 * The record with ids that no running machine has, nor an account (contract 4.4). When somebody else took those of
 * the container while it was stopped it gets others, as nspawn would pick them, and its files are to be given to them.
 * Nothing of it may be mounted.
 *
 * @throws SdmeError `state.conflict` when there are none, `job.child-failed`, `process.failed`, `dbus`, `io`
 */
export async function settleUserConflict(
  ctx: Context & ChildRunner,
  bus: Bus,
  record: ContainerRecord,
  deps: ContainerDeps,
): Promise<ContainerRecord> {
  const range = uidRangeOf(record);
  if (range === undefined) return record;
  const taker = await takerOf(ctx, bus, record, range);
  if (taker === undefined) return record;
  ctx.log.warn(`warning: UID range ${range.base} conflicts with ${taker}`);
  // Files that still have other ids than the record says would be missed by a move from those it says.
  await ensurePreshift(ctx, record, deps);
  await using reserved = await reserveUidRange(ctx, bus, record.NAME, deps.layout, {
    size: range.size,
    except: [range],
  });
  const { base, size } = reserved.range;
  ctx.log.warn(`falling back to nspawn's pick of a free range: ${base}`);
  const moved = { ...record, USERNS_SHIFT: base, USERNS_RANGE: size };
  if (record.USERNS_MAPPING !== undefined) await demandPreshift(deps.layout, record.NAME, range.base);
  await writeRecord(deps.layout, moved);
  return moved;
}
