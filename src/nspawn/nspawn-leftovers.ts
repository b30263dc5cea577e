import { rmdir } from 'node:fs/promises';
import { SdmeError } from '../base/errors.ts';
import { errnoOf } from '../system/failure.ts';
import { unmountAtOrBelow } from '../system/mounts.ts';

/** Where nspawn mounts a directory for a machine's own sockets, and refuses to start when it is there already. */
export function unixExportPath(container: string): string {
  return `/run/systemd/nspawn/unix-export/${container}`;
}

/**
 * Clears what systemd-nspawn leaves below /run when it is killed and cannot do so itself. For containers that do
 * not run. Idempotent. @throws SdmeError `in-use`, `io`
 */
export async function clearNspawnLeftovers(
  container: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  await unmountAtOrBelow(unixExportPath(container), options);
  for (const path of [unixExportPath(container), `/run/systemd/nspawn/propagate/${container}`]) {
    try {
      await rmdir(path);
    } catch (cause) {
      if (errnoOf(cause) === 'ENOENT') continue;
      throw new SdmeError('io', `cannot remove ${path}`, { cause });
    }
  }
}
