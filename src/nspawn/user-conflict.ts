import type { ChildRunner, Context } from '../base/context.ts';
import { rangesOverlap } from '../security/uid-ranges.ts';
import type { Bus } from '../system/systemd/bus.ts';
import type { ContainerDeps } from './deps.ts';
import { ensurePreshift } from './preshift.ts';
import type { ContainerRecord } from './record.ts';
import { demandPreshift } from './shift-pending.ts';
import { writeRecord } from './state-file.ts';
import { uidRangeOf } from './user-range.ts';
import { reserveUidRange, runningRanges } from './user-range-allocation.ts';

/**
 * The record with ids that no running machine has (contract 4.4). When somebody else took those of the container while
 * it was stopped it gets others, as nspawn would pick them, and its files are to be given to them. Nothing of it may be
 * mounted.
 *
 * @throws SdmeError `state.conflict` when there are none, `job.child-failed`, `dbus`, `io`
 */
export async function settleUserConflict(
  ctx: Context & ChildRunner,
  bus: Bus,
  record: ContainerRecord,
  deps: ContainerDeps,
): Promise<ContainerRecord> {
  const range = uidRangeOf(record);
  if (range === undefined) return record;
  const running = await runningRanges(ctx, bus, record.NAME);
  const other = running.find((used) => rangesOverlap(used, range));
  if (other === undefined) return record;
  ctx.log.warn(`warning: UID range ${range.base} conflicts with running container '${other.by}'`);
  // Files that still have other ids than the record says would be missed by a move from those it says.
  await ensurePreshift(ctx, record, deps);
  await using reserved = await reserveUidRange(ctx, bus, record.NAME, deps.layout, [range]);
  const { base, size } = reserved.range;
  ctx.log.warn(`falling back to nspawn's pick of a free range: ${base}`);
  const moved = { ...record, USERNS_SHIFT: base, USERNS_RANGE: size };
  if (record.USERNS_MAPPING !== undefined) await demandPreshift(deps.layout, record.NAME, range.base);
  await writeRecord(deps.layout, moved);
  return moved;
}
