import { readFile } from 'node:fs/promises';
import { errnoOf } from './failure.ts';

/** One line of a uid map: ids from `inside` on in the namespace are those from `outside` on for the reader. */
export interface UidMapping {
  readonly inside: number;
  readonly outside: number;
  readonly size: number;
}

/** The mappings that a uid_map text lists (user_namespaces(7)). */
export function parseUidMap(text: string): UidMapping[] {
  return text
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .flatMap(([inside, outside, size]) =>
      inside === undefined || outside === undefined || size === undefined ? [] : [{ inside, outside, size }],
    );
}

/** True for a map in which every id is itself, as in the initial namespace. */
export function isIdentityMap(mappings: readonly UidMapping[]): boolean {
  return mappings.every(({ inside, outside }) => inside === outside);
}

/** True for the map of the initial namespace itself: all ids, each itself (user_namespaces(7)). */
export function isInitialMap(mappings: readonly UidMapping[]): boolean {
  const [only, ...more] = mappings;
  return more.length === 0 && only?.inside === 0 && only.outside === 0 && only.size === 0xffff_ffff;
}

/** The user namespace of a process as its uid map; none for a process that is gone. */
export async function readUidMap(pid: number): Promise<UidMapping[]> {
  try {
    return parseUidMap(await readFile(`/proc/${pid}/uid_map`, 'latin1'));
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(errnoOf(error) ?? '')) return [];
    throw error;
  }
}
