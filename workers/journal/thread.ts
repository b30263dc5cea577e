import { parentPort, workerData } from 'node:worker_threads';
import { type JournalAnswer, type JournalWrite, openJournalFile, type Synchronous } from './entries.ts';

/** What the thread is started with. */
export interface JournalThreadData {
  readonly path: string;
  readonly owner: string;
  readonly synchronous: Synchronous;
}

/** Writes to be done together. An empty list ends the thread. */
export type JournalRequest = readonly JournalWrite[];

/** Answer to one request, in the order of the requests. */
export type JournalReply =
  | { readonly answers: readonly JournalAnswer[] }
  | { readonly failure: string; readonly full: boolean };

/** Serves a journal file: flushing to disk takes as long as the disk likes, and the worker must not wait with it. */
function serve(port: NonNullable<typeof parentPort>, data: JournalThreadData): void {
  const file = openJournalFile(data.path, data.owner, data.synchronous);
  port.on('message', (writes: JournalRequest) => {
    if (writes.length === 0) {
      file.close();
      port.close();
      return;
    }
    let reply: JournalReply;
    try {
      reply = { answers: file.write(writes) };
    } catch (error) {
      const failure = error instanceof Error ? error.message : String(error);
      reply = { failure, full: /disk is full|disk I\/O/.test(failure) };
    }
    port.postMessage(reply);
  });
}

if (parentPort !== null) serve(parentPort, workerData as JournalThreadData);
