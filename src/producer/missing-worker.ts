import type { QueueConnection } from '../queue/connections.ts';
import { hasWorker } from '../queue/presence.ts';

/** Looks whether a host of a shared queue has a worker. */
export type WorkerLook = (connection: QueueConnection, host: string) => Promise<void>;

/** Tells `onNote` once of each host whose jobs are waited for and no worker takes. */
export function lookForWorkers(onNote: (message: string) => void): WorkerLook {
  const told = new Set<string>();
  return async (connection, host) => {
    if (told.has(host) || (await hasWorker(connection.commands, host))) return;
    told.add(host);
    onNote(
      `waiting, but no worker takes jobs for host ${host}; start one there ("A shared queue" in docs/jobs.md says how)`,
    );
  };
}
