import { readFile } from 'node:fs/promises';
import { text as readAll } from 'node:stream/consumers';
import { z } from 'zod';
import { detachedContext } from '../../base/context.ts';
import { SdmeError } from '../../base/errors.ts';
import { formatSize } from '../../base/sizes.ts';
import type { BatchStatus, InputOf } from '../../contracts/index.ts';
import type { ImportPlan } from '../../rootfs/index.ts';
import { printListing } from '../output/listing.ts';
import { parseBatchFile } from '../parse/batch-file.ts';
import { importOptions } from '../parse/import-options.ts';
import { listingOptions, parseOptions } from '../parse/options.ts';
import type { Session } from '../session.ts';
import type { VerbRun } from '../verb.ts';

const schema = z.strictObject({
  ...importOptions,
  ...listingOptions,
  plan: z.boolean().default(false),
  key: z.string().min(1, '--key cannot be empty').max(200, '--key takes at most 200 characters').optional(),
});

async function readSource(file: string): Promise<string> {
  try {
    return file === '-' ? await readAll(process.stdin) : await readFile(file, 'utf8');
  } catch (cause) {
    throw new SdmeError('input.invalid', `cannot read the batch file ${file}`, { cause });
  }
}

/** The text of a plan. */
export function planLines(plan: ImportPlan): string[] {
  const failing = plan.sources.flatMap(({ source, error }) =>
    error === undefined ? [] : [`error: ${source}: ${error.message}`],
  );
  const unknown = plan.sources.filter(({ sizeUnknown }) => sizeUnknown).length;
  return [
    `sources = ${plan.sources.length}`,
    `to fetch = ${formatSize(plan.bytesToFetch)}${unknown === 0 ? '' : ` and ${unknown} of unknown size`}`,
    `saved by sharing = ${formatSize(plan.bytesShared)}`,
    `in the cache = ${formatSize(plan.bytesCached)}`,
    `disk needed = ${formatSize(plan.diskNeeded)} (estimate)`,
    `disk available = ${formatSize(plan.diskAvailable)}${plan.fits ? '' : ' (too little)'}`,
    ...failing,
  ];
}

/** What can be done about the jobs of a batch that was submitted before and that did not succeed. */
export function retryLines(id: string, states: BatchStatus['states']): string[] {
  const options = (['failed', 'cancelled'] as const).filter((state) => (states[state] ?? 0) > 0);
  if (options.length === 0) return [];
  const counts = options.map((state) => `${states[state]} ${state}`).join(', ');
  return [`${counts}; to run these again: sdme batch retry ${id} --${options.join(' --')}`];
}

async function makePlan(session: Session, inputs: readonly InputOf<'fs.import'>[]): Promise<ImportPlan> {
  const { openImages } = await import('../../oci/index.ts');
  const { planImport } = await import('../../rootfs/index.ts');
  const [settings, layout] = [await session.settings(), await session.layout()];
  const images = openImages({
    settings,
    cacheDir: layout.blobCacheDir,
    environment: session.environment,
  });
  try {
    return await planImport(detachedContext(session.interrupt.signal), { settings, layout, images }, inputs);
  } finally {
    await images.close();
  }
}

/** `batch submit`: many imports as one; with `--plan` only says what they would take. */
export const run: VerbRun = async ({ operands, options, session }) => {
  const { json, jsonPretty, plan, key, ...defaults } = parseOptions(schema, options);
  const format = { json, jsonPretty };
  const inputs = parseBatchFile(await readSource(operands[0] ?? ''), defaults, process.cwd());
  if (plan) {
    const planned = await makePlan(session, inputs);
    await printListing(session, format, planned, () => planLines(planned));
    return planned.fits && planned.sources.every(({ error }) => error === undefined) ? 0 : 1;
  }
  const client = await session.client();
  const items = inputs.map((input) => ({ kind: 'fs.import', input }) as const);
  const submitted = await client.batch.submit(items, key === undefined ? {} : { key });
  if (submitted.existing) {
    session.output.note('this batch was submitted before; nothing was added twice');
    const { states } = await client.batch.status(submitted.id);
    for (const line of retryLines(submitted.id, states)) session.output.note(line);
  }
  await printListing(session, format, { ...submitted, jobs: items.length }, () => [submitted.id]);
  return 0;
};
