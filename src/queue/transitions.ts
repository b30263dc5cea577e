import type { Redis } from 'ioredis';
import { SdmeError } from '../base/errors.ts';
import type { JobState } from '../contracts/index.ts';
import { insist } from './insist.ts';
import { keyPrefix, keys } from './keys.ts';
import { stateList } from './scripts/transition.ts';
import { parseState } from './states.ts';

/** Answer to a change of state. */
export interface Moved {
  /** `refused`: the table does not allow the move from `state`; nothing was changed. */
  readonly done: 'moved' | 'refused' | 'missing';
  readonly state: JobState | undefined;
  readonly revision: number;
  readonly cancelRequestedAt: number | undefined;
  /** Jobs of its flow that its end has made ready to run: they are queued, and not in BullMQ yet. */
  readonly ready: readonly string[];
}

/** A change of another field of the record in the same step: set, set if absent, delete. */
export type Change =
  | readonly ['s', string, string | number]
  | readonly ['n', 'startedAt', number]
  | readonly ['d', 'waitingFor'];

/** One change of state. */
export interface Transition {
  readonly id: string;
  readonly to: JobState;
  /** Default: all states from which the table allows it. */
  readonly from?: readonly JobState[];
  /** New for each delivery, so that a repeated write is known as one. */
  readonly token: string;
  readonly changes: readonly Change[];
}

/** Sends changes of state. */
export interface Transitions {
  /** Settles once the server has taken the change, however long it is away. */
  move(transition: Transition): Promise<Moved>;
}

/** Changes in one call; a call keeps the server from everything else. */
const mostTogether = 64;

interface Waiting {
  readonly transition: Transition;
  readonly resolve: (moved: Moved) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Opens the way for changes of state over a connection. Those of one turn of the event loop go in one call: a
 * call costs more than a change. `signal` ends the insisting.
 */
export function openTransitions(redis: Redis, signal?: AbortSignal): Transitions {
  let waiting: Waiting[] = [];
  const send = (): void => {
    const all = waiting;
    waiting = [];
    for (let at = 0; at < all.length; at += mostTogether) {
      void sendTogether(redis, all.slice(at, at + mostTogether), signal);
    }
  };
  return {
    move: (transition) => {
      if (waiting.length === 0) setImmediate(send);
      return new Promise((resolve, reject) => waiting.push({ transition, resolve, reject }));
    },
  };
}

/** Settles every one of them; never rejects. */
async function sendTogether(redis: Redis, all: readonly Waiting[], signal?: AbortSignal): Promise<void> {
  const first = all[0]?.transition.id ?? '';
  const args = all.flatMap(({ transition }) => argumentsOf(transition));
  const write = (): Promise<unknown> =>
    redis.sdmeTransition(keys.job(first), `${keyPrefix}:`, first, Date.now(), ...args);
  try {
    const replies = await insist(write, signal);
    for (const [i, { transition, resolve }] of all.entries()) {
      const reply: unknown = Array.isArray(replies) ? replies[i] : undefined;
      resolve(movedOf(reply, transition.to));
    }
  } catch (error) {
    for (const { reject } of all) reject(error);
  }
}

function argumentsOf({ id, to, from, token, changes }: Transition): (string | number)[] {
  const allowed = from === undefined ? '' : stateList(from);
  const args: (string | number)[] = [id, to, allowed, token, changes.length];
  for (const [op, field, value] of changes) args.push(op, field, value ?? '');
  return args;
}

const none: readonly string[] = [];

/** Checked by hand, as this is on the path of every job. */
function movedOf(reply: unknown, to: JobState): Moved {
  if (typeof reply === 'number')
    return { done: 'moved', state: to, revision: reply, cancelRequestedAt: undefined, ready: none };
  if (!Array.isArray(reply))
    throw new SdmeError('internal', 'the queue answered a write in a form not known');
  const [code, state, revision, cancelRequestedAt, ready]: unknown[] = reply;
  return {
    done: code === 1 ? 'moved' : code === 0 ? 'refused' : 'missing',
    state: typeof state === 'string' ? parseState(state) : undefined,
    revision: Number(revision),
    cancelRequestedAt: cancelRequestedAt === '' ? undefined : Number(cancelRequestedAt),
    ready: Array.isArray(ready) ? ready.filter((id) => typeof id === 'string') : none,
  };
}
