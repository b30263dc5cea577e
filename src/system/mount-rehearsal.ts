import { run } from './exec/run.ts';
import { shellCommand } from './exec/shell-command.ts';

/** Owner of a path's inode. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Makes mounts with mount(8) in a mount namespace of their own, which ends with the call, and says who owns the
 * directories `look` while they are there. `mounts` are arguments of mount(8), in order.
 *
 * @throws SdmeError `process.failed` with what mount(8) said; the signal's reason
 */
export async function rehearseMounts(
  mounts: readonly (readonly string[])[],
  look: readonly string[],
  options: { readonly signal?: AbortSignal } = {},
): Promise<Owner[]> {
  const commands = [...mounts.map((args) => ['mount', ...args]), ['stat', '--format=%u:%g', '--', ...look]];
  const script = commands.map(shellCommand).join(' && ');
  const namespace = ['--mount', '--propagation', 'private', '--'];
  const { stdout } = await run('unshare', [...namespace, '/bin/sh', '-c', script], {
    ...options,
    timeoutMs: 60_000,
  });
  return stdout
    .trim()
    .split('\n')
    .map((line) => line.split(':').map(Number))
    .map(([uid = Number.NaN, gid = Number.NaN]) => ({ uid, gid }));
}
