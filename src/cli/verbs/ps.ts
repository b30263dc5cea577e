import { z } from 'zod';
import { formatSize } from '../../base/sizes.ts';
import { type ContainerListing, listContainers } from '../../nspawn/read-side.ts';
import { printListing } from '../output/listing.ts';
import { tableLines } from '../output/table.ts';
import { listingOptions, parseOptions } from '../parse/options.ts';
import type { VerbRun } from '../verb.ts';

const schema = z.strictObject(listingOptions);

const yesOrNo = (value: boolean): string => (value ? 'yes' : 'no');

/** Disk in use and its limit, e.g. `12M/250M`; `?` for what is not known. */
function diskCell({ disk_used: used, limits }: ContainerListing): string {
  return `${used === null ? '?' : formatSize(used)}/${limits.disk ?? '-'}`;
}

/** The text of `ps` (contract 1.7). OS is last and HEALTH is third: scripts take fields by place. */
export function psLines(containers: readonly ContainerListing[]): string[] {
  if (containers.length === 0) return ['no containers found'];
  const withDisk = containers.some(({ limits }) => limits.disk !== null);
  const header = [
    'NAME',
    'STATUS',
    'HEALTH',
    'USERNS',
    'ENABLED',
    'MOUNTS',
    ...(withDisk ? ['DISK'] : []),
    'ADDRESSES',
    'OS',
  ];
  const rows = containers.map((container) => {
    const hasMounts =
      container.binds.length > 0 ||
      container.submounts.length > 0 ||
      container.oci_apps.some(({ volumes }) => volumes.length > 0);
    return [
      container.name,
      container.status,
      container.health,
      yesOrNo(container.userns),
      yesOrNo(container.enabled),
      yesOrNo(hasMounts),
      ...(withDisk ? [diskCell(container)] : []),
      container.addresses.length === 0 ? '-' : container.addresses.join(','),
      container.os,
    ];
  });
  return tableLines(header, rows);
}

/** `ps`: lists containers. */
export const run: VerbRun = async ({ options, session }) => {
  const format = parseOptions(schema, options);
  const containers = await listContainers(await session.layout(), { signal: session.interrupt.signal });
  await printListing(session, format, containers, () => psLines(containers));
  return 0;
};
