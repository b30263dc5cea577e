import { formatSize } from '../../base/sizes.ts';
import type { ProgressItemRecord, ProgressRecord } from '../../contracts/index.ts';
import { printable } from './printable.ts';

/** An amount of a unit: `12.3M`, `3 files`. */
export function formatAmount(item: Pick<ProgressItemRecord, 'unit'>, amount: number): string {
  return item.unit === 'bytes' ? formatSize(amount) : `${amount} ${item.unit}`;
}

/** A part and its whole: `12.3M/250M`, `3/10 files`. */
export function formatShare(
  { unit }: Pick<ProgressItemRecord, 'unit'>,
  done: number,
  total: number,
  between = '/',
): string {
  if (unit === 'bytes') return `${formatSize(done)}${between}${formatSize(total)}`;
  return `${done}${between}${total} ${unit}`;
}

function bar(done: number, total: number, width: number): string {
  const filled = total === 0 ? width : Math.min(width, Math.floor((done / total) * width));
  return `[${'#'.repeat(filled)}${'.'.repeat(width - filled)}]`;
}

/** What stands right of an item's label: the bar and amounts, or how it ended. */
function itemState(item: ProgressItemRecord, barWidth: number): string {
  const note = item.note === undefined ? '' : `  ${printable(item.note)}`;
  const { done, total } = item;
  if (item.end !== undefined && item.end !== 'done') return `${item.end}${note}`;
  if (total === undefined)
    return `${formatAmount(item, done)}${item.end === undefined ? '' : ' done'}${note}`;
  const amounts = formatShare(item, done, total);
  return `${bar(item.end === 'done' ? total : done, total, barWidth)} ${amounts}${note}`;
}

/** How deep an item lies in the tree; a parent that is missing or goes in a circle ends the count. */
function depthOf(item: ProgressItemRecord, items: ReadonlyMap<string, ProgressItemRecord>): number {
  let depth = 0;
  let parent = item.parent === undefined ? undefined : items.get(item.parent);
  while (parent !== undefined && depth < 8) {
    depth += 1;
    parent = parent.parent === undefined ? undefined : items.get(parent.parent);
  }
  return depth;
}

/** The items that are shown when not all fit: those under way first, then the latest. */
function choose(items: readonly ProgressItemRecord[], most: number): readonly ProgressItemRecord[] {
  if (items.length <= most) return items;
  const running = items.filter(({ end, done }) => end === undefined && done > 0);
  const others = items.filter((item) => !running.includes(item));
  const room = Math.max(0, most - running.length);
  const chosen = new Set([...running.slice(0, most), ...others.slice(others.length - room)]);
  return items.filter((item) => chosen.has(item));
}

/**
 * The lines of a job's progress on a terminal: the step, then a bar for each item, indented below its parent.
 * No line is longer than `columns`, and there are at most `rows`.
 */
export function barLines(
  title: string,
  progress: ProgressRecord,
  { columns, rows }: { readonly columns: number; readonly rows: number },
): string[] {
  const byId = new Map(progress.items.map((item) => [item.id, item]));
  const shown = choose(progress.items, Math.max(1, rows - 2));
  const labels = shown.map((item) => `${'  '.repeat(depthOf(item, byId) + 1)}${printable(item.label)}`);
  const labelWidth = Math.min(
    Math.max(8, Math.floor(columns / 2)),
    labels.reduce((most, label) => Math.max(most, label.length), 0),
  );
  const barWidth = Math.max(4, Math.min(30, columns - labelWidth - 36));
  const hidden = progress.items.length - shown.length;
  const more = hidden > 0 ? ` (${hidden} more)` : '';
  const lines = [`${printable(title)}: ${printable(progress.step)}${more}`];
  for (const [index, item] of shown.entries()) {
    const label = (labels[index] ?? '').slice(0, labelWidth).padEnd(labelWidth);
    lines.push(`${label} ${itemState(item, barWidth)}`);
  }
  return lines.map((line) => line.slice(0, Math.max(1, columns - 1)));
}
