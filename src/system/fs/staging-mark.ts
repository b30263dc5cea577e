import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { tryFlock } from '../flock.ts';

/** What a staging directory is for; part of its name (contract 2.1). */
export const stagingKinds = ['import', 'remove', 'build', 'export', 'create', 'download'] as const;
export type StagingKind = (typeof stagingKinds)[number];

/** `.NAME.<what>-txn-<pid>` beside the final place. */
export function stagingName(name: string, what: StagingKind, pid: number): string {
  return `.${name}.${what}-txn-${pid}`;
}

/** The parts of a staging directory's name; undefined for other names. */
export function parseStagingName(file: string): { name: string; what: StagingKind; pid: number } | undefined {
  const match = /^\.(.+)\.([a-z]+)-txn-([1-9][0-9]{0,9})$/.exec(file);
  const what = stagingKinds.find((kind) => kind === match?.[2]);
  if (match?.[1] === undefined || match[3] === undefined || what === undefined) return undefined;
  return { name: match[1], what, pid: Number(match[3]) };
}

/** Opens a staging directory for marking it with flock(2), or for asking whether it is marked. */
export function openMark(path: string): Promise<FileHandle> {
  return open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
}

/** True when no living process has marked the directory as its own. */
export async function isAbandoned(path: string): Promise<boolean> {
  const mark = await openMark(path);
  try {
    return tryFlock(mark.fd, 'exclusive');
  } finally {
    await mark.close();
  }
}
