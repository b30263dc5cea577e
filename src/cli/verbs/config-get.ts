import { z } from 'zod';
import { SdmeError } from '../../base/errors.ts';
import { printListing } from '../output/listing.ts';
import { listingOptions, parseOptions } from '../parse/options.ts';
import type { VerbRun } from '../verb.ts';

const schema = z.strictObject(listingOptions);

/** A setting's value as `config get` shows it; secrets are not shown. */
function shown(key: string, value: unknown): string {
  if (key === 'docker_token' && value !== '') return '(set)';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** `config get`: the settings in force, or one of them (contract 1.12). */
export const run: VerbRun = async ({ operands, options, session }) => {
  const format = parseOptions(schema, options);
  const settings = await session.settings();
  const [wanted] = operands;
  const entries = Object.entries(settings).filter(([key]) => wanted === undefined || key === wanted);
  if (entries.length === 0) throw new SdmeError('not-found', `unknown config key: ${wanted}`);
  const json = Object.fromEntries(
    entries.map(([key, value]) => [key, key === 'docker_token' && value !== '' ? '(set)' : value]),
  );
  await printListing(session, format, json, () =>
    entries.map(([key, value]) => `${key} = ${shown(key, value)}`),
  );
  return 0;
};
