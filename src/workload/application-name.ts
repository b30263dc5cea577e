import { nameProblem } from '../base/names.ts';

/**
 * The application's name: the last component of the image's repository with `_` as `-`; the rootfs' name for an
 * image from elsewhere, and when the repository's is no object name (contract 6.3).
 */
export function applicationName(repository: string | undefined, rootfs: string): string {
  const last =
    (repository ?? '').split('@')[0]?.split('/').pop()?.replace(/:.*$/, '').replaceAll('_', '-') ?? '';
  return nameProblem(last) === undefined ? last : rootfs;
}
