import { mkdir } from 'node:fs/promises';
import { S_IFCHR } from './ffi/constants.ts';
import { EPERM, makeNode, unlinkFile } from './file-calls.ts';

/** Whether device nodes can be made in a directory of ours, which is made when it is missing (mknod(2), EPERM). */
export async function canMakeDevices(directory: string): Promise<boolean> {
  await mkdir(directory, { recursive: true, mode: 0o755 });
  const path = Buffer.from(`${directory}/.mknod-${process.pid}\0`);
  // What /dev/null is, so that even one that stayed would do no harm.
  const made = makeNode(path, S_IFCHR | 0o600, 1, 3);
  if (made === 0) unlinkFile(path);
  return made !== -EPERM;
}
