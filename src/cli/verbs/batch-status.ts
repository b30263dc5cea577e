import { z } from 'zod';
import { batchLines, batchSummary } from '../output/batch-lines.ts';
import { jsonText, listingFormat, printListing } from '../output/listing.ts';
import { openScreen } from '../output/screen.ts';
import { listingOptions, parseOptions } from '../parse/options.ts';
import type { Session } from '../session.ts';
import type { VerbRun } from '../verb.ts';

const schema = z.strictObject({ ...listingOptions, watch: z.boolean().default(false) });

/** The status drawn in place on a terminal, or a line whenever it changed. */
async function watch(session: Session, id: string, format: 'text' | 'json' | 'json-pretty'): Promise<void> {
  const { output, interrupt } = session;
  const client = await session.client();
  using screen = format === 'text' && output.isTerminal ? openScreen(output) : undefined;
  for await (const status of client.batch.watch(id, { signal: interrupt.signal })) {
    if (format !== 'text') output.result(jsonText(status, format));
    else if (screen === undefined) output.note(batchSummary(status));
    else
      screen.draw(
        batchLines(status)
          .map((line) => line.slice(0, output.size().columns - 1))
          .slice(0, output.size().rows - 1),
      );
  }
}

/** `batch status`: counts by state, bytes, and failures; with `--watch` until all jobs have ended. */
export const run: VerbRun = async ({ operands, options, session }) => {
  const { watch: following, ...wanted } = parseOptions(schema, options);
  const id = operands[0] ?? '';
  const format = await listingFormat(session, wanted);
  if (following) {
    await watch(session, id, format);
    if (format !== 'text') return 0;
  }
  const status = await (await session.client()).batch.status(id);
  await printListing(session, wanted, status, () => batchLines(status));
  return 0;
};
