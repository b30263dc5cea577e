import { z } from 'zod';
import type { LogLine } from '../../contracts/index.ts';
import { printable } from '../output/printable.ts';
import { parseOptions } from '../parse/options.ts';
import { findJob } from '../run/find-job.ts';
import type { VerbRun } from '../verb.ts';

const schema = z.strictObject({
  follow: z.boolean().default(false),
  json: z.boolean().default(false),
  from: z.coerce.number({ error: '--from takes a line number' }).int().nonnegative().default(0),
});

/** One log line: its time, level and message. */
export function logText({ at, level, message }: LogLine): string {
  const prefix = level === 'info' ? '' : `${level}: `;
  return `${new Date(at).toISOString()} ${prefix}${printable(message)}`;
}

/** `job logs`: what a job wrote; with `-f` until it ends. */
export const run: VerbRun = async ({ operands, options, session }) => {
  const { follow, from, json } = parseOptions(schema, options);
  const client = await session.client();
  const id = await findJob(session, operands[0] ?? '');
  for await (const line of client.logs(id, { follow, from, signal: session.interrupt.signal })) {
    session.output.result(json ? JSON.stringify(line) : logText(line));
  }
  return 0;
};
