import { chmod, mkdir, stat } from 'node:fs/promises';
import { SdmeError } from '../base/errors.ts';
import type { Layout } from '../base/paths.ts';
import type { Settings } from '../config/schema.ts';
import type { Images } from '../oci/index.ts';
import { errnoOf } from '../system/failure.ts';

/** Where the store lies and what the configuration says: what every verb of this room works on. */
export interface Store {
  readonly layout: Layout;
  readonly settings: Settings;
}

/** A store into which images can be imported. */
export interface ImportStore extends Store {
  /** The worker's image sources; they share downloads and the blob cache. */
  readonly images: Images;
}

/** Makes the directories of the store: the data directory for root only, as trees of strangers lie below it. */
export async function makeStore({ layout }: Store): Promise<void> {
  await mkdir(layout.dataDir, { recursive: true, mode: 0o700 });
  await mkdir(layout.fsDir, { recursive: true, mode: 0o755 });
  await chmod(layout.dataDir, 0o700);
}

/** True when there is a rootfs of that name. */
export async function rootfsExists(layout: Layout, name: string): Promise<boolean> {
  try {
    return (await stat(layout.rootfsDir(name))).isDirectory();
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return false;
    throw new SdmeError('io', `cannot look at ${layout.rootfsDir(name)}`, { cause });
  }
}

/** @throws SdmeError `not-found` */
export async function requireRootfs(layout: Layout, name: string): Promise<void> {
  if (!(await rootfsExists(layout, name))) throw new SdmeError('not-found', `fs not found: ${name}`);
}

/** The refusal of an application whose base is not there. */
export function noBase(name: string): SdmeError {
  return new SdmeError('not-found', `base rootfs not found: ${name}`);
}
