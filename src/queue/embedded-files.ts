import { copyFile, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Layout } from '../base/paths.ts';

/** Files by which starters, the supervisor and the worker of an embedded queue agree. */
export interface EmbeddedFiles {
  /** Held exclusively by the one supervisor while it lives. */
  readonly supervisorLock: string;
  /**
   * Held shared while a job is being submitted, exclusively while the queue decides that it is idle and ends:
   * so no job can slip in between the last look and the end.
   */
  readonly submitLock: string;
  /** Output of the supervisor, the server and the worker. */
  readonly log: string;
  /** Why the supervisor gave up, for whoever waits for a job; absent while all is well. */
  readonly failure: string;
}

/** The files of a layout. */
export function embeddedFiles(layout: Layout): EmbeddedFiles {
  return {
    supervisorLock: join(layout.runtimeDir, 'supervisor.lock'),
    submitLock: join(layout.runtimeDir, 'queue.lock'),
    log: join(layout.queueDir, 'supervisor.log'),
    failure: join(layout.queueDir, 'failure'),
  };
}

/** Leaves the reason for giving up. */
export async function writeFailure(layout: Layout, reason: string): Promise<void> {
  await writeFile(embeddedFiles(layout).failure, `${reason}\n`, { mode: 0o600 });
}

/** Removes the reason, once all is well or somebody asks anew. */
export async function clearFailure(layout: Layout): Promise<void> {
  await rm(embeddedFiles(layout).failure, { force: true });
}

/** The reason for giving up, if there is one. */
export async function readFailure(layout: Layout): Promise<string | undefined> {
  try {
    return (await readFile(embeddedFiles(layout).failure, 'utf8')).trim();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Bytes after which a log is put aside as `<log>.old`. */
const logLimit = 8 * 1024 * 1024;

/**
 * Puts a log aside that has grown past its limit. Its writers keep it open and append, so it is copied and
 * emptied in place; lines written in between may be lost, as this is a log for people and no record.
 */
export async function trimLog(path: string, limit = logLimit): Promise<void> {
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  );
  if (size <= limit) return;
  await copyFile(path, `${path}.old`);
  await truncate(path);
}

/** True when this data directory ever had an embedded queue, i.e. jobs may be recorded in it. */
export async function hasEmbeddedData(layout: Layout): Promise<boolean> {
  return stat(join(layout.queueDir, 'appendonlydir')).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
