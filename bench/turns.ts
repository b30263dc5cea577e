import { median } from './measure.ts';

/** Something that is measured beside others. */
export interface Peer {
  readonly name: string;
  /** One turn. @returns what is measured of it */
  readonly turn: () => number;
}

/** Lets each take its turn, `runs` times. @returns the values of each, by name */
export function takeTurns(peers: readonly Peer[], runs: number): Map<string, number[]> {
  const values = new Map(peers.map(({ name }): [string, number[]] => [name, []]));
  for (let run = 0; run < runs; run += 1) for (const { name, turn } of peers) values.get(name)?.push(turn());
  return values;
}

/** Prints medians with the smallest and the largest value, and beside the first. */
export function showTurns(
  title: string,
  results: ReadonlyMap<string, readonly number[]>,
  unit: string,
): void {
  console.log(`\n${title}`);
  const first = median([...results.values()][0] ?? []);
  for (const [name, values] of results) {
    const [low, high] = [Math.min(...values), Math.max(...values)].map((value) => value.toFixed(2));
    const ratio = (median(values) / first).toFixed(2);
    console.log(`  ${name.padEnd(44)} ${median(values).toFixed(2)} ${unit} (${low}-${high})  ${ratio}`);
  }
}
