import type { Progress, ProgressItem } from '../../src/base/context.ts';
import type { ProgressItemRecord } from '../../src/contracts/index.ts';
import type { ProgressSnapshot } from '../../src/queue/lifecycle.ts';

/** Items a job can have; further ones are counted nowhere, so that a record stays small. */
const mostItems = 1_000;
const longestText = 200;

/** A job's progress tree in memory. */
export interface ProgressTree {
  readonly progress: Progress;
  /** True once anything was reported. */
  readonly used: boolean;
  snapshot(): ProgressSnapshot;
}

/** The stored form of an item, while it can still change. */
type OpenItem = { -readonly [Field in keyof ProgressItemRecord]: ProgressItemRecord[Field] };

/** Makes an empty tree; `onChange` is called for every sign of progress, `onStep` with each step's name. */
export function makeProgressTree(onChange: () => void, onStep: (name: string) => void): ProgressTree {
  const items = new Map<string, OpenItem>();
  let step = '';
  let used = false;
  const changed = (): void => {
    used = true;
    onChange();
  };
  const progress: Progress = {
    step: (name) => {
      step = name.slice(0, longestText);
      changed();
      onStep(step);
    },
    item: (id, { label, unit, total, parent }) => {
      const known = items.get(id);
      const item: OpenItem = known ?? { id, label: label.slice(0, longestText), unit, done: 0 };
      if (total !== undefined) item.total = total;
      if (parent !== undefined) item.parent = parent;
      if (known !== undefined || items.size < mostItems) items.set(id, item);
      changed();
      return handleOf(item, changed);
    },
  };
  return {
    progress,
    get used() {
      return used;
    },
    snapshot: () => snapshotOf(step, [...items.values()]),
  };
}

function handleOf(item: OpenItem, changed: () => void): ProgressItem {
  return {
    add: (count) => {
      item.done += Math.max(0, count);
      changed();
    },
    set: (done, total) => {
      item.done = Math.max(item.done, done);
      if (total !== undefined) item.total = total;
      changed();
    },
    note: (text) => {
      item.note = text.slice(0, longestText);
      changed();
    },
    end: (state = 'done') => {
      item.end = state;
      changed();
    },
  };
}

/** The tree as it is stored, with its bytes summed over items that have no items below them. Pure. */
export function snapshotOf(step: string, items: readonly ProgressItemRecord[]): ProgressSnapshot {
  const parents = new Set(items.map((item) => item.parent));
  let bytesDone = 0;
  let bytesTotal = 0;
  for (const { id, unit, done, total } of items) {
    if (unit !== 'bytes' || parents.has(id)) continue;
    bytesDone += done;
    bytesTotal += Math.max(total ?? 0, done);
  }
  return {
    record: { step, items: items.map((item) => ({ ...item })) },
    bytesDone: Math.round(bytesDone),
    bytesTotal: Math.round(bytesTotal),
  };
}
