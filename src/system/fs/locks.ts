import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, stat, unlink } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { SdmeError } from '../../base/errors.ts';
import type { Layout, LockKind } from '../../base/paths.ts';
import { type LockMode, tryFlock, waitForFlock } from '../flock.ts';

/** What is locked, and how. */
export interface LockTarget {
  readonly kind: LockKind;
  readonly name: string;
  readonly mode: LockMode;
}

/** A held lock. It ends with {@link release}, or with this process; children do not inherit it. Idempotent. */
export interface Lock extends AsyncDisposable {
  readonly target: LockTarget;
  release(): Promise<void>;
}

/**
 * Takes a lock of the layout without waiting. Locks of one process exclude each other too.
 *
 * @throws SdmeError `lock.busy` naming the holder (facts `kind`, `name`, `pid`); `io`
 */
export async function takeLock(layout: Layout, target: LockTarget): Promise<Lock> {
  return held(layout, target, async (file) => {
    if (!tryFlock(file.fd, target.mode)) throw await busy(file, target);
  });
}

/**
 * Takes a lock of the layout, waiting until it is free. Who takes several takes them in the order of `lockKinds`,
 * then by name, or two may wait for each other.
 *
 * @throws the signal's reason; SdmeError `io`
 */
export async function waitForLock(layout: Layout, target: LockTarget, signal: AbortSignal): Promise<Lock> {
  signal.throwIfAborted();
  return held(layout, target, async (file) => {
    if (!tryFlock(file.fd, target.mode)) await waitForFlock(file.fd, target.mode, signal);
  });
}

async function openLockFile(layout: Layout, { kind, name }: LockTarget): Promise<FileHandle> {
  const path = layout.lockFile(kind, name);
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    return await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  } catch (cause) {
    throw new SdmeError('io', `cannot open the lock file ${path}`, { cause });
  }
}

/** Opens and locks; again when {@link removeFreeLocks} took the file away in between. */
async function held(
  layout: Layout,
  target: LockTarget,
  take: (file: FileHandle) => Promise<void>,
): Promise<Lock> {
  const file = await openLockFile(layout, target);
  try {
    await take(file);
    if (!(await isStillThere(file, layout.lockFile(target.kind, target.name)))) {
      await file.close();
      return held(layout, target, take);
    }
    await file.truncate(0);
    await file.write(`${process.pid}\n`, 0);
  } catch (error) {
    await file.close();
    throw error;
  }
  let released: Promise<void> | undefined;
  const release = (): Promise<void> => {
    released ??= file.close();
    return released;
  };
  return { target, release, [Symbol.asyncDispose]: release };
}

/** True while the path leads to the open file. */
async function isStillThere(file: FileHandle, path: string): Promise<boolean> {
  const mine = await file.stat();
  const found = await stat(path).catch(() => undefined);
  return found !== undefined && found.ino === mine.ino && found.dev === mine.dev;
}

/**
 * Removes the lock files of a kind that nobody holds and whose names nobody needs: each is locked while it is removed,
 * and whoever waits for it meanwhile makes it anew. Returns how many.
 */
export async function removeFreeLocks(
  layout: Layout,
  kind: LockKind,
  isUnneeded: (name: string) => boolean,
): Promise<number> {
  const directory = dirname(layout.lockFile(kind, 'any'));
  const files = await readdir(directory).catch(() => []);
  let removed = 0;
  for (const name of files.map((file) => basename(file, '.lock')).filter(isUnneeded)) {
    const path = layout.lockFile(kind, name);
    const flags = constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    const file = await open(path, flags).catch(() => undefined);
    if (file === undefined) continue;
    try {
      if (!tryFlock(file.fd, 'exclusive') || !(await isStillThere(file, path))) continue;
      await unlink(path);
      removed += 1;
    } finally {
      await file.close();
    }
  }
  return removed;
}

async function busy(file: FileHandle, { kind, name, mode }: LockTarget): Promise<SdmeError> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(32), 0, 32, 0);
  const pid = Number.parseInt(buffer.toString('latin1', 0, bytesRead), 10);
  const verb = mode === 'shared' ? 'read-lock' : 'lock';
  const holder = Number.isNaN(pid) ? 'another process' : `pid ${pid}`;
  return new SdmeError('lock.busy', `cannot ${verb} ${kind}/${name}: locked by ${holder}`, {
    facts: { kind, name, ...(Number.isNaN(pid) ? {} : { pid }) },
  });
}
