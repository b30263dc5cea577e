import { readlink, realpath } from 'node:fs/promises';
import { SdmeError } from '../base/errors.ts';
import type { Layout } from '../base/paths.ts';
import { formatBind, parseBind } from '../contracts/container-options.ts';
import type { ContainerRecord } from './record.ts';
import { isAtOrBelow } from './submounts.ts';
import { isSymlink, prefixesOf } from './symlinks.ts';

/*
 * What is bound into a container may lie in a directory that this or another container may write to, and there be
 * replaced by a link to any file of the host. So links are followed once, when somebody asks for the bind, and a
 * container does not start when there is one later on.
 */

type Bound = Pick<ContainerRecord, 'NAME' | 'BINDS'>;

/** The host's udev keeps links to devices here, which change with the devices; only root makes them. */
function isDeviceLink(path: string): boolean {
  return isAtOrBelow(path, '/dev') && !['/dev/shm', '/dev/mqueue'].some((top) => isAtOrBelow(path, top));
}

/**
 * A record in which every bind source is what its path leads to now; a device keeps the name it has.
 * @throws SdmeError `not-found`, `input.invalid` for a path that a record cannot hold
 */
export async function resolveBindSources<Some extends Pick<ContainerRecord, 'BINDS'>>(
  record: Some,
): Promise<Some> {
  const binds = record.BINDS.map(async (bind) => {
    if (isDeviceLink(bind.host)) return bind;
    try {
      return parseBind(formatBind({ ...bind, host: await realpath(bind.host) }));
    } catch (cause) {
      if (cause instanceof SdmeError) throw cause;
      throw new SdmeError('not-found', `bind host path does not exist: ${bind.host}`, { cause });
    }
  });
  return { ...record, BINDS: await Promise.all(binds) };
}

/** The paths on the host that must be no symlinks when a container starts, so that its bind sources are what they were. */
export function guardedSources(
  { BINDS }: Pick<ContainerRecord, 'BINDS'>,
  { dataDir }: Pick<Layout, 'dataDir'>,
): string[] {
  const paths = BINDS.filter(({ host }) => !isDeviceLink(host)).flatMap(({ host }) => prefixesOf(host));
  // The data directory itself may be reached by a link: volumes in it are named as the configuration has it.
  return [...new Set(paths)].filter((path) => !isAtOrBelow(dataDir, path));
}

/** Why a link among its bind sources keeps a container from being started, and what to do about it. */
async function linkRefusal({ NAME, BINDS }: Bound, path: string): Promise<SdmeError> {
  const target = await readlink(path).catch(() => '');
  const host = BINDS.map((bind) => bind.host).find((source) => isAtOrBelow(source, path)) ?? path;
  const real = await realpath(host).catch(() => undefined);
  // A record made before links were followed at creation may name one that always was there, such as /var/run.
  const again =
    real === undefined ? '' : `, or, if that is meant, make the container again with ${real} bound`;
  return new SdmeError(
    'state.conflict',
    `${path}, of which something is bound into container '${NAME}', is a symlink to ${JSON.stringify(target)}, and a start follows none; put back what was there${again}`,
    { facts: { container: NAME } },
  );
}

/**
 * Makes sure that what is bound into a container is what was asked for. @throws SdmeError `state.conflict`, `io`
 */
export async function demandPlainSources(record: Bound, layout: Pick<Layout, 'dataDir'>): Promise<void> {
  for (const path of guardedSources(record, layout)) {
    if (await isSymlink(path)) throw await linkRefusal(record, path);
  }
}
