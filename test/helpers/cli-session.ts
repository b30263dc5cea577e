import { SdmeError } from '../../src/base/errors.ts';
import type { Interrupt } from '../../src/cli/interrupt.ts';
import { openSession, type Session } from '../../src/cli/session.ts';
import type { BatchClient, Client } from '../../src/producer/client.ts';
import { type FakeOutput, fakeOutput } from './fake-output.ts';

const away = async (): Promise<never> => {
  throw new SdmeError('queue.unavailable', 'there is no queue in this test');
};
async function* nothing(): AsyncGenerator<never> {
  yield await away();
}

/** What a test's client answers; everything else fails with `queue.unavailable`. */
export type Answers = Partial<Omit<Client, 'batch'>> & { readonly batch?: Partial<BatchClient> };

/** A client that answers what the test says, without any queue. */
export function fakeClient({ batch, ...answers }: Answers = {}): Client {
  return {
    submit: away,
    submitFlow: away,
    show: away,
    list: away,
    ids: away,
    wait: away,
    result: away,
    watch: nothing,
    logs: nothing,
    cancel: away,
    retry: away,
    close: async () => {},
    ...answers,
    batch: {
      submit: away,
      status: away,
      watch: nothing,
      wait: away,
      cancel: away,
      retryFailed: away,
      retryCancelled: away,
      ...batch,
    },
  };
}

/** An interrupt that the test sets off itself. */
export interface FakeInterrupt extends Interrupt {
  /** As the first Ctrl-C does. */
  press(): void;
}

/** A {@link FakeInterrupt}. */
export function fakeInterrupt(): FakeInterrupt {
  const controller = new AbortController();
  return {
    signal: controller.signal,
    exitCode: () => (controller.signal.aborted ? 130 : undefined),
    onSecond: () => {},
    leaveTo: (work) => work(),
    press: () => controller.abort(new SdmeError('job.cancelled', 'interrupted, exiting')),
    [Symbol.dispose]: () => {},
  };
}

/** A session whose output, interrupt and client are the test's; settings and store lie below `directory`. */
export function cliSession(options: {
  readonly directory: string;
  readonly client?: Answers;
  readonly output?: FakeOutput;
  readonly interrupt?: FakeInterrupt;
  readonly verbose?: boolean;
  readonly configFile?: string;
}): Session {
  const { directory } = options;
  return openSession({
    verbose: options.verbose ?? false,
    configFile: options.configFile,
    environment: { SDME_DATADIR: `${directory}/data`, SDME_RUNDIR: `${directory}/run` },
    output: options.output ?? fakeOutput(),
    interrupt: options.interrupt ?? fakeInterrupt(),
    client: fakeClient(options.client),
  });
}
