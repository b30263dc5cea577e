import { spawn } from 'node:child_process';
import { type FileHandle, open } from 'node:fs/promises';
import { SdmeError } from '../../base/errors.ts';
import { plainEnvironment } from './run.ts';

/** A lock on a file, held until it is released or this process ends; children do not inherit it. */
export interface HeldLock extends AsyncDisposable {
  readonly path: string;
  release(): Promise<void>;
}

/**
 * Takes flock(2) on `path`, which is made (mode 0600) when missing, and waits up to `waitMs` for it.
 *
 * flock(1) locks the open file description it shares with us and ends; the lock stays with our descriptor.
 * For callers that must start fast: it costs a short child instead of loading the foreign-function library.
 *
 * @returns undefined when somebody else still holds it after `waitMs`
 * @throws SdmeError `io` when the file cannot be opened, `process.failed`
 */
export async function takeFlock(
  path: string,
  mode: 'shared' | 'exclusive',
  waitMs: number,
): Promise<HeldLock | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'a', 0o600);
  } catch (cause) {
    throw new SdmeError('io', `cannot open the lock file ${path}`, { cause });
  }
  let held = false;
  try {
    held = await flockDescriptor(handle.fd, mode, waitMs);
  } finally {
    if (!held) await handle.close();
  }
  if (!held) return undefined;
  const release = (): Promise<void> => handle.close();
  return { path, release, [Symbol.asyncDispose]: release };
}

/** flock(1) exits with this code when the lock is taken. */
const busy = 75;

function flockDescriptor(fd: number, mode: 'shared' | 'exclusive', waitMs: number): Promise<boolean> {
  const wait = waitMs === 0 ? ['--nonblock'] : ['--wait', (waitMs / 1000).toFixed(3)];
  return new Promise((resolve, reject) => {
    const child = spawn('flock', [`--${mode}`, ...wait, '--conflict-exit-code', String(busy), '3'], {
      env: { ...plainEnvironment },
      stdio: ['ignore', 'ignore', 'ignore', fd],
    });
    child.once('error', (cause) => {
      reject(new SdmeError('process.failed', 'cannot run flock; install util-linux', { cause }));
    });
    child.once('close', (code) => {
      if (code === 0 || code === busy) resolve(code === 0);
      else reject(new SdmeError('process.failed', `flock exited with code ${code ?? 'none'}`));
    });
  });
}
