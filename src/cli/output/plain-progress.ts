import type { JobRecord, ProgressItemRecord } from '../../contracts/index.ts';
import { formatAmount, formatShare } from './bars.ts';
import { printable } from './printable.ts';

/** What has been said so far, so that nothing is said twice. */
export interface Said {
  readonly step: string;
  readonly state: string;
  readonly ended: ReadonlySet<string>;
  /** When the last line about amounts was written, epoch milliseconds. */
  readonly amountsAt: number;
}

/** Nothing said yet. */
export const nothingSaid: Said = { step: '', state: '', ended: new Set(), amountsAt: 0 };

/** Milliseconds between two lines about amounts of a step that goes on. */
const amountsEvery = 5000;

function endLine(item: ProgressItemRecord): string {
  const how = item.end === undefined || item.end === 'done' ? 'done' : item.end;
  const note = item.note === undefined ? '' : `, ${printable(item.note)}`;
  return `  ${printable(item.label)}: ${formatAmount(item, item.done)} ${how}${note}`;
}

function amountsLine(record: JobRecord): string | undefined {
  const running = record.progress.items.filter(({ end }) => end === undefined);
  const [first] = running;
  if (first === undefined) return undefined;
  const same = running.filter(({ unit }) => unit === first.unit);
  const done = same.reduce((sum, item) => sum + item.done, 0);
  const total = same.reduce((sum, item) => sum + (item.total ?? item.done), 0);
  if (done === 0 && total === 0) return undefined;
  const parts = same.length === 1 ? '' : ` in ${same.length} parts`;
  return `  ${formatShare(first, done, total, ' of ')}${parts}`;
}

/**
 * Lines for a reader that is no terminal: a step when it begins, an item when it ends, what is waited for, and
 * amounts every few seconds at most.
 */
export function plainLines(record: JobRecord, said: Said, now: number): { lines: string[]; said: Said } {
  const lines: string[] = [];
  const { progress } = record;
  const ended = new Set(said.ended);
  for (const item of progress.items) {
    if (item.end === undefined || ended.has(item.id)) continue;
    ended.add(item.id);
    lines.push(endLine(item));
  }
  const state = record.state === 'waiting' ? (record.waitingFor ?? 'its turn') : '';
  if (state !== said.state && state !== '') lines.push(`  waiting for ${printable(state)}`);
  if (progress.step !== said.step) lines.push(`  ${printable(progress.step)}`);
  let { amountsAt } = said;
  if (now - amountsAt >= amountsEvery) {
    const line = said.amountsAt === 0 ? undefined : amountsLine(record);
    if (line !== undefined) lines.push(line);
    amountsAt = now;
  }
  return { lines, said: { step: progress.step, state, ended, amountsAt } };
}
