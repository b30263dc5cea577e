import { readFile, realpath } from 'node:fs/promises';
import { SdmeError } from '../base/errors.ts';
import { run } from './exec/run.ts';

/** One mount of this mount namespace (proc_pid_mountinfo(5)). */
export interface MountEntry {
  readonly mountPoint: string;
  readonly fsType: string;
  /** This mount cannot be written through, whatever its file system allows. */
  readonly readOnly: boolean;
}

function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

/** The mounts that a mountinfo text lists, in order. */
export function parseMountInfo(text: string): MountEntry[] {
  return text
    .split('\n')
    .map((line) => {
      const [before = '', after = ''] = line.split(' - ', 2);
      const [, , , , mountPoint, options = ''] = before.split(' ');
      const fsType = after.split(' ')[0];
      return mountPoint === undefined || fsType === undefined
        ? undefined
        : { mountPoint: unescapeOctal(mountPoint), fsType, readOnly: options.split(',').includes('ro') };
    })
    .filter((entry): entry is MountEntry => entry !== undefined);
}

/** The mounts of this process' namespace, in the order in which they were made. */
export async function listMounts(): Promise<MountEntry[]> {
  return parseMountInfo(await readFile('/proc/self/mountinfo', 'latin1'));
}

function isAtOrBelow(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory.endsWith('/') ? directory : `${directory}/`);
}

/** The mount points at `path` and below, topmost mount last. None when the path does not exist. */
async function mountsAtOrBelow(path: string): Promise<string[]> {
  let real: string;
  try {
    real = await realpath(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw new SdmeError('io', `cannot look at ${path}`, { cause: error });
  }
  const bytes = Buffer.from(real, 'utf8').toString('latin1');
  return (await listMounts())
    .map((entry) => entry.mountPoint)
    .filter((mountPoint) => isAtOrBelow(mountPoint, bytes))
    .map((mountPoint) => Buffer.from(mountPoint, 'latin1').toString('utf8'));
}

/**
 * Takes down every mount at `path` and below, the last made first. What is already gone is no error.
 * @throws SdmeError `in-use` when something still works in there; the signal's reason
 */
export async function unmountAtOrBelow(
  path: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  for (const mountPoint of (await mountsAtOrBelow(path)).reverse()) {
    try {
      await run('umount', ['--', mountPoint], { ...options, timeoutMs: 60_000 });
    } catch (cause) {
      options.signal?.throwIfAborted();
      if (!(await mountsAtOrBelow(mountPoint)).includes(mountPoint)) continue;
      throw new SdmeError('in-use', `cannot unmount ${mountPoint}; end what works in it and try again`, {
        cause,
      });
    }
  }
}
