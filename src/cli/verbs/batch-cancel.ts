import { batchLines } from '../output/batch-lines.ts';
import type { VerbRun } from '../verb.ts';

/** `batch cancel`: asks every job that has not ended to end, and waits until nothing of them is left. */
export const run: VerbRun = async ({ operands, session }) => {
  const client = await session.client();
  const id = operands[0] ?? '';
  await client.batch.cancel(id);
  const status = await client.batch.wait(id, { signal: session.interrupt.signal });
  for (const line of batchLines({ ...status, failures: [] })) session.output.result(line);
  return 0;
};
