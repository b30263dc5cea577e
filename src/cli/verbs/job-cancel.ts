import { z } from 'zod';
import { isEndState } from '../../contracts/index.ts';
import { detachOption, parseOptions } from '../parse/options.ts';
import { eachName } from '../run/each-name.ts';
import { findJob } from '../run/find-job.ts';
import type { VerbRun } from '../verb.ts';

const schema = z.strictObject(detachOption);

/** `job cancel`: asks jobs to end, and waits until nothing of them is left. */
export const run: VerbRun = async ({ operands, options, session }) => {
  const { detach } = parseOptions(schema, options);
  const client = await session.client();
  const ids: string[] = [];
  for (const operand of operands) ids.push(await findJob(session, operand));
  const words = { doing: 'cancelling', done: 'cancelled', objects: 'jobs' };
  return eachName(session, ids, words, async (id) => {
    const asked = await client.cancel(id);
    const record =
      detach || isEndState(asked.state) ? asked : await client.wait(id, { signal: session.interrupt.signal });
    session.output.result(`${id} ${record.state}`);
    return false;
  });
};
