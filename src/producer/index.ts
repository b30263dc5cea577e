/**
 * The client of sdme: submit jobs, follow them, and get their checked results. It is the package's export, and
 * the CLI uses nothing else.
 *
 * @example
 * import { createClient, loadSettings } from 'sdme';
 *
 * const client = await createClient(await loadSettings(undefined, process.env));
 * try {
 *   const { id } = await client.submit('host.ping', {}, { idempotencyKey: 'first' });
 *   for await (const event of client.watch(id)) {
 *     if (event.type === 'log') console.log(event.line.message);
 *     if (event.type === 'record') console.log(event.record.state);
 *   }
 *   const { host } = await client.result('host.ping', id);
 * } finally {
 *   await client.close();
 * }
 *
 * Every error is an `SdmeError` with a stable `code`. After `queue.unavailable` from `submit` it is not known
 * whether the job was accepted: submit again with the same `idempotencyKey`, and it runs once.
 * `wait`, `watch` and `logs` go on through a restart of the queue or the worker.
 *
 * On the embedded queue any call may start the queue and the worker, as jobs that an earlier boot left behind
 * may be in it. Only where no job was ever submitted, `list` is empty and `show` finds nothing without starting
 * anything.
 */
export { type ErrorCode, type ErrorRecord, errorCatalogue, SdmeError } from '../base/errors.ts';
export { loadSettings, parseSettings } from '../config/load.ts';
export type { Settings } from '../config/schema.ts';
export type {
  ArgumentsOf,
  BatchStatus,
  JobEvent,
  JobKind,
  JobRecord,
  JobState,
  LogLine,
  ResultOf,
} from '../contracts/index.ts';
export type {
  BatchClient,
  BatchItem,
  Client,
  FlowJob,
  JobFilter,
  SubmitOptions,
  Submitted,
  SubmittedFlow,
} from './client.ts';
export { type ClientOptions, createClient } from './create-client.ts';
export type { LocalPrograms } from './local.ts';
