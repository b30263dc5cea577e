import { join } from 'node:path';
import { SdmeError } from '../base/errors.ts';
import type { Layout } from '../base/paths.ts';
import { newUlid } from '../base/ulid.ts';
import { readTextFile, replaceFile } from '../system/fs/replace-file.ts';

/**
 * The file in a container's directory that is there as long as its files are not all given away. It holds an id of
 * this giving away, so that the end of another one is not taken for it, and the first of the ids that are moved.
 */
export function pendingFile(layout: Pick<Layout, 'containerDir'>, name: string): string {
  return join(layout.containerDir(name), 'shift-pending');
}

/** A giving away of files that is not finished. */
export interface Pending {
  readonly id: string;
  /** 0: the ids of the rootfs below; else those of a range that the container had before. */
  readonly from: number;
}

/** What is still to be given away; undefined when nothing is. @throws SdmeError `io` when the note is damaged */
export async function readPending(layout: Layout, name: string): Promise<Pending | undefined> {
  const path = pendingFile(layout, name);
  const text = await readTextFile(path);
  if (text === undefined) return undefined;
  const [, id, from] = /^([0-9A-Z]{26}) ([0-9]{1,10})\n$/.exec(text) ?? [];
  if (id === undefined || from === undefined) throw new SdmeError('io', `${path} is damaged`);
  return { id, from: Number(from) };
}

/**
 * Notes that a container's files must be given away before its next start: `from` are the ids they have, the record
 * says which they get. Comes before the record is written, and after what was noted before is done.
 */
export async function demandPreshift(layout: Layout, name: string, from: number): Promise<void> {
  await replaceFile(pendingFile(layout, name), `${newUlid()} ${from}\n`, 0o600);
}
