import { z } from 'zod';
import type { Handlers, JobDeps } from '../jobs/index.ts';
import type { JobContext } from '../src/base/context.ts';
import { SdmeError } from '../src/base/errors.ts';
import {
  type Contract,
  contracts,
  type InputOf,
  type JobKind,
  type JobLimits,
  type LockRequest,
  type QueueName,
  type ResultOf,
  type RetryPolicy,
} from '../src/contracts/index.ts';

/** A job whose input has been checked: what it locks, and its handler with the input in it. */
export interface PreparedJob {
  readonly locks: readonly LockRequest[];
  /** The input after its schema. */
  readonly input: unknown;
  readonly subject: string;
  /** Runs the handler; gives the result after its schema. */
  run(ctx: JobContext): Promise<unknown>;
}

/** A kind as the dispatcher sees it: contract and handler joined, their types closed over. */
export interface Kind {
  readonly kind: string;
  readonly queue: QueueName;
  readonly retry: RetryPolicy;
  readonly limits: JobLimits;
  readonly maxCrashes: number;
  /** @throws SdmeError `input.invalid` */
  prepare(input: unknown): PreparedJob;
}

/** What the engine itself needs to know of the host it runs on. */
export type HostFacts = Pick<JobDeps, 'settings' | 'layout' | 'host'>;

/** The kinds a worker knows, by name. */
export type Kinds = ReadonlyMap<string, Kind>;

/** Joins one contract with its handler and what the handler needs. */
export function bindKind<Input, Result, Deps>(
  contract: Contract<string, Input, Result>,
  handler: (ctx: JobContext, input: Input, deps: Deps) => Promise<Result>,
  deps: Deps,
): Kind {
  const { kind, queue, retry, limits, maxCrashes } = contract;
  return {
    kind,
    queue,
    retry,
    limits,
    maxCrashes,
    prepare: (raw) => {
      const input = contract.input.safeParse(raw);
      if (!input.success) {
        const problem = z.prettifyError(input.error);
        throw new SdmeError('input.invalid', `the arguments of this ${kind} job are not valid: ${problem}`);
      }
      return {
        locks: contract.locks(input.data),
        input: input.data,
        subject: contract.subject(input.data),
        run: async (ctx) => {
          const result = contract.result.safeParse(await handler(ctx, input.data, deps));
          if (result.success) return result.data;
          const problem = z.prettifyError(result.error);
          throw new SdmeError('internal', `the ${kind} handler gave a result of another form: ${problem}`);
        },
      };
    },
  };
}

/** The contracts with input and result of each kind tied to its name, as {@link bindOne} needs them. */
type TiedContracts = { readonly [K in JobKind]: Contract<K, InputOf<K>, ResultOf<K>> };
const tied: TiedContracts = contracts;

/** Gives the settings of now. */
export type ReadSettings = () => Promise<JobDeps['settings']>;

function bindOne<K extends JobKind>(
  kind: K,
  handlers: Handlers,
  deps: JobDeps,
  readSettings: ReadSettings,
): Kind {
  const withSettings = async (ctx: JobContext, input: InputOf<K>): Promise<ResultOf<K>> =>
    handlers[kind](ctx, input, { ...deps, settings: await readSettings() });
  return bindKind<InputOf<K>, ResultOf<K>, JobDeps>(tied[kind], withSettings, deps);
}

/** Joins all contracts with their handlers. Each job gets the settings that are in force when it runs. */
export function bindKinds(handlers: Handlers, deps: JobDeps, readSettings: ReadSettings): Kinds {
  const names = Object.keys(contracts).filter((name): name is JobKind => Object.hasOwn(handlers, name));
  return new Map(names.map((name) => [name, bindOne(name, handlers, deps, readSettings)]));
}
