import { posix } from 'node:path';
import { SdmeError } from '../base/errors.ts';
import { readLinkIn } from '../system/fs/beneath.ts';
import { isAtOrBelow } from './submounts.ts';

/** Where nspawn mounts file systems of its own before it binds anything: what a tree has below is not seen. */
const fresh = ['/dev', '/run', '/tmp'];
/** As many links as the kernel follows in one lookup (path_resolution(7)). */
const mostLinks = 40;

/** True for what lies in a file system that nspawn mounts new at each start: no links of a container are there. */
export function isInFreshMount(path: string): boolean {
  return fresh.some((top) => path.startsWith(`${top}/`));
}

function namesOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.');
}

/**
 * Where a path of a container leads when the links of its rootfs are followed within it, such as `/var/run` to `/run`:
 * an absolute path without links of the rootfs, whether there is something or not.
 *
 * @param readLink where a path that is relative to the rootfs points, undefined when it is no symlink
 * @throws SdmeError `input.invalid` when the links go round in circles
 */
export function followInRootfs(path: string, readLink: (path: string) => string | undefined): string {
  const ahead = namesOf(path);
  let behind: string[] = [];
  let links = 0;
  for (let name = ahead.shift(); name !== undefined; name = ahead.shift()) {
    if (name === '..') {
      behind.pop();
      continue;
    }
    const here = [...behind, name];
    const target = isInFreshMount(`/${here.join('/')}`) ? undefined : readLink(here.join('/'));
    if (target === undefined) {
      behind = here;
      continue;
    }
    links += 1;
    if (links > mostLinks) throw new SdmeError('input.invalid', `${path} leads through too many symlinks`);
    if (posix.isAbsolute(target)) behind = [];
    ahead.unshift(...namesOf(target));
  }
  return `/${behind.join('/')}`;
}

/**
 * Where something is bound in a container: where the path that was asked for leads in its rootfs, which no container can
 * change. What would cover the files that nspawn itself writes below /run is refused: it would write them into
 * what was bound, through whatever links the container put there.
 *
 * @throws SdmeError `input.invalid`
 */
export function bindDestination(rootfs: string, path: string): string {
  const readLink = (link: string): string | undefined => {
    const target = readLinkIn(rootfs, link);
    return target === undefined ? undefined : Buffer.from(target, 'latin1').toString('utf8');
  };
  const destination = followInRootfs(path, readLink);
  if (destination === '/' || destination === '/run' || isAtOrBelow(destination, '/run/host')) {
    throw new SdmeError(
      'input.invalid',
      `cannot bind to ${path}: ${destination} is where systemd-nspawn puts files of its own; bind below /run or elsewhere`,
    );
  }
  return destination;
}
