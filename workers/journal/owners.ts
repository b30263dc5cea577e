import { mkdir, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { newUlid } from '../../src/base/ulid.ts';
import { takeFlock } from '../../src/system/exec/flock.ts';

/** Tells living workers from dead ones: each holds a flock(2) on a file of its name, which ends with it. */
export interface Owners extends AsyncDisposable {
  /** This worker's name, new for each process. */
  readonly self: string;
  /** True once the named worker is dead. */
  isDead(owner: string): Promise<boolean>;
}

/** Names this worker, and removes the files of dead ones. @throws SdmeError `io` */
export async function openOwners(runtimeDir: string): Promise<Owners> {
  const directory = join(runtimeDir, 'workers');
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const fileOf = (owner: string): string => join(directory, `${owner}.lock`);
  const self = newUlid();
  const own = await takeFlock(fileOf(self), 'exclusive', 0);
  if (own === undefined) throw new Error(`the new lock file ${fileOf(self)} is taken`);
  const dead = new Set<string>();
  const isDead = async (owner: string): Promise<boolean> => {
    if (owner === self) return false;
    if (dead.has(owner)) return true;
    const taken = await takeFlock(fileOf(owner), 'exclusive', 0);
    if (taken === undefined) return false;
    dead.add(owner);
    await unlink(fileOf(owner)).catch(() => undefined);
    await taken.release();
    return true;
  };
  for (const name of await readdir(directory)) {
    const owner = /^([0-9A-Z]{26})\.lock$/.exec(name)?.[1];
    if (owner !== undefined) await isDead(owner);
  }
  return {
    self,
    isDead,
    [Symbol.asyncDispose]: async () => {
      await unlink(fileOf(self)).catch(() => undefined);
      await own.release();
    },
  };
}
