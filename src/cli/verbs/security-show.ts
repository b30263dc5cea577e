import { z } from 'zod';
import { matchContainer, readSecurity, type SecurityReport } from '../../nspawn/read-side.ts';
import { printListing } from '../output/listing.ts';
import { tableLines } from '../output/table.ts';
import { listingOptions, parseOptions } from '../parse/options.ts';
import type { VerbRun } from '../verb.ts';

const schema = z.strictObject(listingOptions);

/** Capabilities of the first list that are not in the second, as `title: NAME NAME`; no line when there are none. */
function difference(title: string, of: readonly string[], without: readonly string[]): string[] {
  const names = of.filter((name) => !without.includes(name)).map((name) => name.replace(/^CAP_/, ''));
  return names.length === 0 ? [] : [`${title}: ${names.join(' ')}`];
}

/** The text of `security show`: a table, and what does not fit into it. */
export function securityLines(report: SecurityReport): string[] {
  const { asked_for: asked, in_force: inForce, docker_default: docker } = report.capabilities;
  const rows = report.mechanisms.map((row) => [
    row.mechanism,
    row.asked_for,
    row.in_force,
    row.docker_default,
  ]);
  const loose = report.mechanisms.filter((row) => !row.as_asked).map(({ mechanism }) => mechanism);
  return [
    ...tableLines(['MECHANISM', 'ASKED FOR', 'IN FORCE', 'DOCKER DEFAULT'], rows),
    ...difference("capabilities beyond Docker's", inForce, docker),
    ...difference('capabilities of Docker not here', docker, inForce),
    ...difference('capabilities this host has not itself', asked, inForce),
    ...(report.system_call_filters.length === 0
      ? []
      : [`system call filters asked for: ${report.system_call_filters.join(' ')}`]),
    ...(loose.length === 0 ? [] : [`looser than asked for: ${loose.join(', ')}`]),
  ];
}

/** `security show`: how a running container is confined, read from the kernel. */
export const run: VerbRun = async ({ operands, options, session }) => {
  const format = parseOptions(schema, options);
  const [wanted = ''] = operands;
  const layout = await session.layout();
  const report = await readSecurity(layout, await matchContainer(layout, wanted), {
    signal: session.interrupt.signal,
  });
  await printListing(session, format, report, () => securityLines(report));
  return 0;
};
