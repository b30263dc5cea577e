import { SdmeError } from '../base/errors.ts';
import type { WorkloadUser } from '../oci/index.ts';
import { errnoOf } from '../system/failure.ts';
import { type Attributes, ensureDirIn, kindInNoFollow, writeFileIn } from '../system/fs/beneath.ts';

/** Where names resolve as in the container around the application: its own files are mounted over these. */
const nameFiles = ['etc/hosts', 'etc/resolv.conf'];
/** What the kernel says when an image has something else where a directory or a file of ours goes. */
const inTheWay = ['EEXIST', 'EISDIR', 'ENOTDIR', 'ELOOP', 'ENOENT', 'ENAMETOOLONG'];

function place(path: string, what: string, work: () => void): void {
  try {
    work();
  } catch (cause) {
    if (!inTheWay.includes(errnoOf(cause) ?? '')) throw cause;
    const shown = JSON.stringify(`/${path.replace(/^\/+/, '')}`.slice(0, 100));
    throw new SdmeError(
      'input.invalid',
      `the image has something in the way at ${shown}, where ${what} goes`,
      {
        cause,
      },
    );
  }
}

/** Makes a directory of an application's root, as {@link ensureDirIn}. @throws SdmeError `input.invalid`, `disk.full`, `io` */
export function placeDirectory(root: string, path: string, attributes: Attributes = {}): void {
  place(path, 'a directory', () => void ensureDirIn(root, path, attributes));
}

/** Writes a file of ours into an application's root, as {@link writeFileIn}. @throws SdmeError `input.invalid`, `disk.full`, `io` */
export function placeFile(root: string, path: string, content: string | Buffer, mode: number): void {
  place(path, 'a file of sdme', () => writeFileIn(root, path, content, { mode }));
}

/**
 * Makes what is mounted over when the application starts: in a container whose root is read-only nobody else can. The
 * directory of a volume belongs to the application's user unless the image has one.
 */
export function placeMountPoints(root: string, volumes: readonly string[], user: WorkloadUser): void {
  placeDirectory(root, 'etc');
  for (const path of nameFiles) if (kindInNoFollow(root, path) !== 'file') placeFile(root, path, '', 0o644);
  for (const volume of volumes) placeDirectory(root, volume, { mode: 0o755, ...user });
}
