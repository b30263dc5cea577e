import { spawn } from 'node:child_process';
import { SdmeError } from '../base/errors.ts';
import { plainEnvironment } from './exec/run.ts';
import { checked, errnoOf } from './failure.ts';
import { LOCK_EX, LOCK_NB, LOCK_SH } from './ffi/constants.ts';
import { libc } from './ffi/libc.ts';

export type LockMode = 'shared' | 'exclusive';

/** Takes flock(2) on an open file without waiting; false when somebody else holds it. */
export function tryFlock(fd: number, mode: LockMode): boolean {
  const result = libc().flock(fd, (mode === 'shared' ? LOCK_SH : LOCK_EX) | LOCK_NB);
  try {
    checked('flock', result, () => 'cannot lock');
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EAGAIN') return false;
    throw error;
  }
}

/**
 * Takes flock(2) on an open file, waiting as long as it takes. The waiting is done by flock(1), which shares our
 * open file description, so that nothing polls and a cancel ends it at once; the lock stays with our descriptor.
 *
 * @throws the signal's reason; SdmeError `process.failed`
 */
export async function waitForFlock(fd: number, mode: LockMode, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', 'flock', `--${mode}`, '3'], {
    env: { ...plainEnvironment },
    stdio: ['ignore', 'ignore', 'ignore', fd],
  });
  const kill = (): void => {
    child.kill('SIGKILL');
  };
  signal.addEventListener('abort', kill, { once: true });
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    signal.throwIfAborted();
    if (code !== 0) throw new SdmeError('process.failed', `flock exited with code ${code ?? 'none'}`);
  } finally {
    signal.removeEventListener('abort', kill);
  }
}
