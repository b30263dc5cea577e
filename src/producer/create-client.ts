import { SdmeError } from '../base/errors.ts';
import { layoutFor } from '../config/load.ts';
import type { Settings } from '../config/schema.ts';
import { hasEmbeddedData } from '../queue/embedded-files.ts';
import { localHostId } from '../queue/local-host.ts';
import { openBatchClient } from './batch-client.ts';
import type { Client } from './client.ts';
import { endable } from './endable.ts';
import { planFlow } from './flow-plan.ts';
import { submitFlow } from './flows.ts';
import { jobResult, retryJob, submitJob } from './jobs.ts';
import { type LocalPrograms, localPrograms } from './local.ts';
import { openLocalKeeper, remoteKeeper } from './local-keeper.ts';
import { lookForWorkers } from './missing-worker.ts';
import { openSession, type Session } from './session.ts';
import { jobLog, jobNotFound, readJob, waitForJob, watchJob } from './waiting.ts';

/** What a client may be told beyond the settings. All have defaults that are right for a program on the host. */
export interface ClientOptions {
  /** The file the settings came from; the local worker reads the same. Default: `SDME_CONFIG`. */
  readonly configFile?: string;
  /** Where proxies and `SDME_CONFIG` are taken from. Default: this process's environment. */
  readonly environment?: NodeJS.ProcessEnv;
  /** Milliseconds a submit or a question waits for a queue that does not answer. Default 10,000. */
  readonly patienceMs?: number;
  /** Milliseconds that `wait`, `watch` and `logs` outlast a queue that is away. Default 120,000. */
  readonly outageMs?: number;
  /** Hears what whoever waits should know, e.g. that no worker of a shared queue takes the jobs of their host. */
  readonly onNote?: (message: string) => void;
  /** The programs of the local queue; for tests. */
  readonly programs?: LocalPrograms;
}

/**
 * A client of the queue the settings name: the shared one of `queue_url`, or the embedded one of this host,
 * which is started with its worker when first needed. Nothing is connected before the first call.
 */
export async function createClient(settings: Settings, options: ClientOptions = {}): Promise<Client> {
  const embedded = settings.queue_url === '';
  const environment = options.environment ?? process.env;
  const layout = layoutFor(settings);
  const keeper = embedded
    ? openLocalKeeper({
        settings,
        configFile: options.configFile ?? environment.SDME_CONFIG,
        environment,
        programs: options.programs ?? localPrograms,
      })
    : remoteKeeper;
  const session = openSession(
    embedded ? { socket: layout.queueSocket } : { url: settings.queue_url },
    keeper,
    { commandMs: options.patienceMs ?? 10_000, outageMs: options.outageMs ?? 120_000 },
    embedded ? undefined : lookForWorkers(options.onNote ?? (() => {})),
  );
  // A question about jobs starts no queue where none ever was.
  const anyQueue = async (): Promise<boolean> => !embedded || hasEmbeddedData(layout);
  return clientOf(session, await localHostId(settings), anyQueue);
}

function clientOf(session: Session, host: string, anyQueue: () => Promise<boolean>): Client {
  const known = async (id: string): Promise<void> => {
    if (!(await anyQueue())) throw jobNotFound(id);
  };
  const never = new AbortController().signal;
  const batch = openBatchClient(session, host);
  const knownBatch = async (id: string): Promise<void> => {
    if (!(await anyQueue())) throw new SdmeError('not-found', `batch not found: ${id}`, { facts: { id } });
  };
  return {
    submit: (kind, input, submitOptions = {}) => submitJob(session, host, kind, input, submitOptions),
    submitFlow: async (jobs, { key, host: on = host } = {}) => {
      const flow = planFlow(on, jobs, key, Date.now());
      return session.use((queue) => submitFlow(queue, flow));
    },
    show: async (id) => {
      await known(id);
      return session.use((queue) => readJob(queue, id));
    },
    list: async (filter = {}) =>
      (await anyQueue()) ? session.use((queue) => queue.records.list(filter)) : [],
    ids: async () => ((await anyQueue()) ? session.use((queue) => queue.records.ids()) : []),
    wait: async (id, waitOptions = {}) => {
      await known(id);
      return waitForJob(session, id, waitOptions.signal ?? never);
    },
    result: async (kind, id, waitOptions = {}) => {
      await known(id);
      return jobResult(kind, await waitForJob(session, id, waitOptions.signal ?? never));
    },
    watch: (id, watchOptions = {}) =>
      endable(watchOptions.signal, async function* (signal) {
        await known(id);
        yield* watchJob(session, id, watchOptions.fromLogOffset ?? 0, signal);
      }),
    logs: (id, logOptions = {}) =>
      endable(logOptions.signal, async function* (signal) {
        await known(id);
        yield* jobLog(session, id, logOptions.from ?? 0, logOptions.follow ?? false, signal);
      }),
    cancel: async (id) => {
      await known(id);
      return session.use(async (queue) => (await queue.submitter()).cancel(id));
    },
    retry: async (id) => {
      await known(id);
      return session.use((queue) => retryJob(queue, id));
    },
    batch: {
      ...batch,
      status: async (id) => {
        await knownBatch(id);
        return batch.status(id);
      },
    },
    close: () => session.close(),
  };
}
