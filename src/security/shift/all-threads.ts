import { Worker } from 'node:worker_threads';
import { fromErrorRecord, SdmeError } from '../../base/errors.ts';
import { noProblems, sumProblems } from './problems.ts';
import { openStack } from './shared-stack.ts';
import { type Findings, type SharedWork, takePart } from './shared-work.ts';
import type { ThreadMessage } from './thread.ts';

/** What a thread found, once it ends. @throws SdmeError what ended it before its work was done */
function runThread(work: SharedWork): Promise<Findings> {
  return new Promise((resolve, reject) => {
    let findings: Findings = { spared: [], problems: noProblems };
    const thread = new Worker(new URL('./thread.ts', import.meta.url), {
      workerData: work,
      // Its descriptors are closed by their owners; for each one Node.js did not open itself it would warn.
      trackUnmanagedFds: false,
    });
    thread.on('message', (message: ThreadMessage) => {
      if (message.type === 'failed') reject(fromErrorRecord(message.error));
      else findings = message.findings;
    });
    thread.once('error', (cause) => {
      reject(new SdmeError('internal', 'a thread of the shifter failed', { cause }));
    });
    thread.once('exit', () => resolve(findings));
  });
}

/** This thread's part. It begins at once, while the others still start. */
async function runHere(work: SharedWork, onDirectory: () => void): Promise<Findings> {
  const part = takePart(work);
  if (part === undefined) return { spared: [], problems: noProblems };
  while (part.run(onDirectory) === 'idle') {
    onDirectory();
    await part.stack.waitAsync();
  }
  return part.findings();
}

/** Other threads that stand ready to take part in a work. */
export interface Helpers {
  readonly ended: readonly Promise<Findings>[];
}

/** Starts the threads beside this one. What goes wrong with them is told by {@link shareWork}. */
export function startHelpers(work: SharedWork, threads: number): Helpers {
  const ended = Array.from({ length: Math.max(0, threads - 1) }, () => runThread(work));
  for (const one of ended) one.catch(() => {});
  return { ended };
}

/** Does the work together with the helpers, to its end. @throws SdmeError `disk.full`, `internal` */
export async function shareWork(
  work: SharedWork,
  helpers: Helpers,
  onDirectory: () => void,
): Promise<Findings> {
  let all: readonly Findings[];
  try {
    all = await Promise.all([runHere(work, onDirectory), ...helpers.ended]);
  } catch (error) {
    openStack(work.stack).stop();
    throw error;
  }
  return {
    spared: all.flatMap(({ spared }) =>
      spared.map(({ path, mode, capability }) => ({
        path: Buffer.from(path),
        mode,
        capability: capability && Buffer.from(capability),
      })),
    ),
    problems: sumProblems(all.map(({ problems }) => problems)),
  };
}
