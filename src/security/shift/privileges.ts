import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { SdmeError } from '../../base/errors.ts';
import { cString } from '../../system/c-string.ts';
import { errnoOf } from '../../system/failure.ts';
import { S_IFMT, S_IFREG } from '../../system/ffi/constants.ts';
import { replaceFile } from '../../system/fs/replace-file.ts';
import { openBeneath } from '../../system/open-beneath.ts';
import {
  changeModeAt,
  changeOwnerAt,
  ownershipAt,
  pathsThroughProc,
  writeXattr,
} from '../../system/owner-calls.ts';
import { shiftFileCapability } from '../file-capability.ts';
import type { UidShift } from '../uid-shift.ts';
import { capabilityAttribute, newOwner, type PrivilegedFile } from './shift-directory.ts';

/*
 * The kernel takes set-user-ID bits and capabilities from a file that is given away, and from then on nothing shows
 * that it had them. So they are noted, durably, before the first such file is touched; who is killed in between finds
 * the notes and puts back what they say, as often as it takes.
 */

/** One file a line: its mode in octal, its path and its capability in base64, `-` without one. */
const noteLine = /^([0-7]{1,4}) ([A-Za-z0-9+/=]*) ([A-Za-z0-9+/=]+|-)$/;

function lineOf({ path, mode, capability }: PrivilegedFile): string {
  return `${mode.toString(8)} ${path.toString('base64')} ${capability?.toString('base64') ?? '-'}\n`;
}

/** Writes the privileges of files down. @throws SdmeError `disk.full`, `io` */
export async function notePrivileges(notes: string, files: readonly PrivilegedFile[]): Promise<void> {
  await replaceFile(notes, files.map(lineOf).join(''), 0o600);
}

/** What was noted and not yet finished. @throws SdmeError `io` */
export function readPrivileges(notes: string): PrivilegedFile[] {
  let text: string;
  try {
    text = readFileSync(notes, 'utf8');
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return [];
    throw new SdmeError('io', `cannot read ${notes}`, { cause });
  }
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const [, mode, path, capability] = noteLine.exec(line) ?? [];
      if (mode === undefined || path === undefined || capability === undefined)
        throw new SdmeError('io', `${notes} is damaged`);
      return {
        path: Buffer.from(path, 'base64'),
        mode: Number.parseInt(mode, 8),
        capability: capability === '-' ? undefined : Buffer.from(capability, 'base64'),
      };
    });
}

export async function forgetPrivileges(notes: string): Promise<void> {
  await rm(notes, { force: true });
}

/** Gives a file away and puts its privileges back. @throws SdmeError `syscall`, `disk.full` */
export function shiftPrivilegedFile(rootFd: number, file: PrivilegedFile, shift: UidShift): void {
  const slash = file.path.lastIndexOf('/');
  using directory = openBeneath(rootFd, file.path.subarray(0, Math.max(slash, 0)));
  const name = cString(file.path.subarray(slash + 1));
  const found = ownershipAt(directory.fd, name, Buffer.alloc(256));
  if ((found.mode & S_IFMT) !== S_IFREG) {
    throw new SdmeError('state.conflict', 'it is no regular file any more');
  }
  const owner = newOwner(found, shift);
  if (owner !== undefined) changeOwnerAt(directory.fd, name, owner.uid, owner.gid);
  changeModeAt(directory.fd, name, file.mode);
  if (file.capability === undefined) return;
  const capability = shiftFileCapability(file.capability, shift) ?? file.capability;
  writeXattr(pathsThroughProc(directory.fd)(name), capabilityAttribute, capability);
}
