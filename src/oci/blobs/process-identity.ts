import { readFile } from 'node:fs/promises';
import { errorCode } from '../http/failures.ts';

/** Start time of a process in clock ticks since boot: with the pid it names one process for good (proc_pid_stat(5), field 22). */
async function startTime(pid: number): Promise<string | undefined> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The second field is in parentheses and may hold spaces; count from behind the last one.
    return text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .at(19);
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
}

/** `<pid>.<start time>` of this process. */
export async function ownIdentity(): Promise<string> {
  return `${process.pid}.${(await startTime(process.pid)) ?? '0'}`;
}

/** Whether the process an identity names still runs; false for text that is none. */
export async function identityRuns(identity: string): Promise<boolean> {
  const match = /^([1-9][0-9]{0,9})\.([0-9]+)$/.exec(identity);
  return match?.[1] !== undefined && (await startTime(Number(match[1]))) === match[2];
}
