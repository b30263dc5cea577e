/* A thread of the shifter's process beside its main one: takes part in the work it is given, and says what it found. */
import { parentPort, workerData } from 'node:worker_threads';
import { type ErrorRecord, toErrorRecord } from '../../base/errors.ts';
import { openStack } from './shared-stack.ts';
import { type Findings, type SharedWork, takePart } from './shared-work.ts';

/** What a thread says once, at its end. Paths come as plain bytes. */
export type ThreadMessage =
  | { readonly type: 'found'; readonly findings: Findings }
  | { readonly type: 'failed'; readonly error: ErrorRecord };

// Given by our own main thread, with this type.
const work: SharedWork = workerData;
const say = (message: ThreadMessage): void => parentPort?.postMessage(message);

try {
  const part = takePart(work);
  while (part?.run() === 'idle') part.stack.wait();
  if (part !== undefined) say({ type: 'found', findings: part.findings() });
} catch (error) {
  openStack(work.stack).stop();
  say({ type: 'failed', error: toErrorRecord(error) });
}
