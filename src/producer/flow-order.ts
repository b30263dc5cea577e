import { SdmeError } from '../base/errors.ts';

/** What comes behind others, by their names. */
export interface Ordered {
  readonly after?: readonly string[];
}

/**
 * The entries in an order in which each comes behind those it names. Pure.
 * @throws SdmeError `input.invalid` for a name that is not among them, and for a circle
 */
export function flowOrder<T extends Ordered>(entries: ReadonlyMap<string, T>): [string, T][] {
  const placed = new Map<string, T>();
  // The way down to the entry that is looked at. No calls of itself: a chain may be longer than calls can be deep.
  const path: { readonly name: string; readonly entry: T; readonly left: string[] }[] = [];
  const enter = (name: string, from: string): void => {
    if (placed.has(name)) return;
    const seen = path.findIndex((step) => step.name === name);
    if (seen >= 0) throw circle([...path.slice(seen).map((step) => step.name), name]);
    const entry = entries.get(name);
    if (entry === undefined) throw unknownName(from, name);
    path.push({ name, entry, left: [...(entry.after ?? [])] });
  };
  for (const start of entries.keys()) {
    enter(start, start);
    for (let step = path.at(-1); step !== undefined; step = path.at(-1)) {
      const before = step.left.pop();
      if (before !== undefined) enter(before, step.name);
      else {
        placed.set(step.name, step.entry);
        path.pop();
      }
    }
  }
  return [...placed];
}

function unknownName(name: string, before: string): SdmeError {
  const message = `job ${JSON.stringify(name)} runs after ${JSON.stringify(before)}, which is not in the flow`;
  return new SdmeError('input.invalid', message);
}

function circle(names: readonly string[]): SdmeError {
  const message = `jobs of the flow wait for each other in a circle: ${names.join(' after ')}`;
  return new SdmeError('input.invalid', message);
}
