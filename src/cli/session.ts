import { setTimeout as delay } from 'node:timers/promises';
import type { Layout } from '../base/paths.ts';
import type { Settings } from '../config/schema.ts';
import type { Client } from '../producer/client.ts';
import type { Interrupt } from './interrupt.ts';
import type { Output } from './output/output.ts';

/** What one call of the command line works with. Settings are read and the client is made when first asked for. */
export interface Session extends AsyncDisposable {
  readonly verbose: boolean;
  readonly output: Output;
  readonly interrupt: Interrupt;
  readonly environment: NodeJS.ProcessEnv;
  readonly configFile: string | undefined;
  settings(): Promise<Settings>;
  layout(): Promise<Layout>;
  client(): Promise<Client>;
  /** Whether a question may be asked (contract 1.1, "Interactive"). */
  isInteractive(): Promise<boolean>;
}

export interface SessionOptions {
  readonly verbose: boolean;
  readonly configFile: string | undefined;
  readonly environment: NodeJS.ProcessEnv;
  readonly output: Output;
  readonly interrupt: Interrupt;
  /** A stand-in for tests of what is printed. */
  readonly client?: Client;
}

/** Milliseconds that connections may take to end. */
const closeLimitMs = 3_000;

/** A session of this process. The producer is loaded only by verbs that need it: it is most of the start-up time. */
export function openSession(options: SessionOptions): Session {
  const { verbose, configFile, environment } = options;
  let settings: Promise<Settings> | undefined;
  let client: Promise<Client> | undefined;
  const readSettings = (): Promise<Settings> => {
    settings ??= import('../config/load.ts').then(({ loadSettings }) =>
      loadSettings(configFile, environment),
    );
    return settings;
  };
  const connect = async (): Promise<Client> => {
    const { createClient } = await import('../producer/index.ts');
    return createClient(await readSettings(), {
      environment,
      onNote: (message) => options.output.note(message),
      ...(configFile === undefined ? {} : { configFile }),
    });
  };
  return {
    verbose,
    configFile,
    environment,
    output: options.output,
    interrupt: options.interrupt,
    settings: readSettings,
    layout: async () => {
      const { layoutFor } = await import('../config/load.ts');
      return layoutFor(await readSettings());
    },
    client: () => {
      client ??= options.client === undefined ? connect() : Promise.resolve(options.client);
      return client;
    },
    isInteractive: async () => !verbose && options.output.canAsk && (await readSettings()).interactive,
    [Symbol.asyncDispose]: async () => {
      // A client that could not be made was an error already where it was asked for.
      const open = await client?.catch(() => undefined);
      const limit = new AbortController();
      // A queue that is away cannot hold us up: what is still open ends with the process.
      const late = delay(closeLimitMs, undefined, { signal: limit.signal }).catch(() => undefined);
      await Promise.race([open?.close(), late]);
      limit.abort();
    },
  };
}
