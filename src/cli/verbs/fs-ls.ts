import { z } from 'zod';
import { listRootfs, type RootfsRecord } from '../../rootfs/read-side.ts';
import { printListing } from '../output/listing.ts';
import { tableLines } from '../output/table.ts';
import { listingOptions, parseOptions } from '../parse/options.ts';
import type { VerbRun } from '../verb.ts';

const schema = z.strictObject(listingOptions);

/** The text of `fs ls` (contract 1.7). */
export function fsLines(listed: readonly RootfsRecord[]): string[] {
  if (listed.length === 0) return ['no root filesystems found'];
  const used = listed.some(({ containers }) => containers.length > 0);
  const header = ['NAME', 'OS', ...(used ? ['CONTAINERS'] : []), 'PATH'];
  const rows = listed.map(({ name, os, containers, path }) => [
    name,
    os,
    ...(used ? [String(containers.length)] : []),
    path,
  ]);
  return tableLines(header, rows);
}

/** `fs ls`: lists root filesystems. */
export const run: VerbRun = async ({ options, session }) => {
  const format = parseOptions(schema, options);
  const listed = await listRootfs(await session.layout());
  const json = listed.map(({ name, os, containers }) => ({ name, os, containers }));
  await printListing(session, format, json, () => fsLines(listed));
  return 0;
};
