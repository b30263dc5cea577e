import { EventEmitter } from 'node:events';
import type { Message, MessageBus } from 'dbus-next';
import { SdmeError } from '../../base/errors.ts';
import { type BusErrorText, busError } from './bus-error.ts';

/** A method call. `body` must fit `signature` (D-Bus specification, "Type System"). */
export interface BusRequest {
  readonly destination: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  readonly signature?: string;
  readonly body?: readonly unknown[];
}

/** How long a caller waits. */
export interface WaitOptions {
  /** Ends the waiting; the call rejects with its reason. What the other side does is not undone. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds; for calls default 25000, as for libdbus. */
  readonly timeoutMs?: number | undefined;
}

/** A signal of an object, as the bus delivers it. Its sender is not checked: take it for a hint to look again. */
export interface BusSignal {
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  readonly body: readonly unknown[];
}

/** Which signals are wanted; absent fields match all. */
export interface BusMatch {
  readonly sender: string;
  readonly interface: string;
  readonly member: string;
  readonly path?: string;
}

/** A connection to the system bus. Its owner disposes of it; what is open then rejects. */
export interface Bus extends AsyncDisposable {
  /** The reply's values. @throws SdmeError `dbus` with the error's name in the fact `name`; the signal's reason */
  call(request: BusRequest, options?: WaitOptions): Promise<readonly unknown[]>;
  /** Calls back for each matching signal until disposed of. @throws SdmeError `dbus` */
  listen(match: BusMatch, listener: (signal: BusSignal) => void): Promise<AsyncDisposable>;
}

/** Where the system bus listens (D-Bus specification, "System message bus"). */
const systemBusSocket = '/run/dbus/system_bus_socket';
const defaultTimeoutMs = 25_000;
const driver = {
  destination: 'org.freedesktop.DBus',
  path: '/org/freedesktop/DBus',
  interface: 'org.freedesktop.DBus',
} as const;

/** The text of a match rule. None of our fields can hold a quote. */
function matchRule(match: BusMatch): string {
  const path = match.path === undefined ? '' : `,path='${match.path}'`;
  return `type='signal',sender='${match.sender}',interface='${match.interface}',member='${match.member}'${path}`;
}

function unavailable(cause: unknown): SdmeError {
  return new SdmeError('dbus', 'the system bus cannot be reached; is systemd running?', { cause });
}

/** Rejects when the connection breaks, so that no call waits for a reply that cannot come. */
function breakage(connection: MessageBus): { promise: Promise<never>; abandon: (error: SdmeError) => void } {
  const { promise, reject } = Promise.withResolvers<never>();
  // Nobody may be waiting when it breaks; the next call then finds the rejection.
  promise.catch(() => {});
  connection.on('error', (error) => reject(unavailable(error)));
  // The library tells its own connection object, and nobody else, that the other side hung up.
  const link: unknown = Reflect.get(connection, '_connection');
  if (link instanceof EventEmitter) {
    link.once('end', () => reject(new SdmeError('dbus', 'the system bus closed the connection')));
  }
  return { promise, abandon: reject };
}

/** The first of: the work's own end, the time limit, the signal. */
async function limited<Value>(work: Promise<Value>, what: string, options: WaitOptions): Promise<Value> {
  const { promise: ended, reject } = Promise.withResolvers<never>();
  const limit = options.timeoutMs ?? defaultTimeoutMs;
  const late = new SdmeError('dbus', `${what} was not answered within ${limit / 1000} s`, {
    facts: { name: 'timeout' },
  });
  const timer = setTimeout(() => reject(late), limit);
  const abort = (): void => reject(options.signal?.reason);
  options.signal?.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([work, ended]);
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', abort);
  }
}

function textsOf(error: unknown): BusErrorText {
  if (error instanceof Error && 'type' in error && typeof error.type === 'string') {
    return { name: error.type, text: 'text' in error && typeof error.text === 'string' ? error.text : '' };
  }
  return { name: undefined, text: error instanceof Error ? error.message : String(error) };
}

/**
 * Connects to the system bus, or to the one at `socket`. The library is loaded here and not before, so that verbs without D-Bus start fast.
 * @throws SdmeError `dbus`, the signal's reason
 */
export async function connectBus(
  options: WaitOptions & { readonly socket?: string | undefined } = {},
): Promise<Bus> {
  options.signal?.throwIfAborted();
  const { default: library } = await import('dbus-next');
  // `socket=` and not `path=`: for the latter the library takes a native add-on where one happens to be installed.
  const connection = library.sessionBus({ busAddress: `unix:socket=${options.socket ?? systemBusSocket}` });
  const broken = breakage(connection);
  const listeners = new Set<(message: Message) => void>();
  connection.on('message', (message) => {
    for (const listener of listeners) listener(message);
  });
  const disconnect = (): void => {
    listeners.clear();
    broken.abandon(new SdmeError('dbus', 'the connection to the system bus was closed'));
    connection.disconnect();
  };

  async function call(request: BusRequest, wait: WaitOptions = {}): Promise<readonly unknown[]> {
    wait.signal?.throwIfAborted();
    const message = new library.Message({
      destination: request.destination,
      path: request.path,
      interface: request.interface,
      member: request.member,
      signature: request.signature ?? '',
      body: [...(request.body ?? [])],
    });
    const what = `${request.interface}.${request.member}`;
    const reply = connection.call(message).then(
      (answer): readonly unknown[] => answer?.body ?? [],
      (error: unknown) => {
        throw busError(what, textsOf(error), error);
      },
    );
    const answered = Promise.race([reply, broken.promise]);
    // What comes after the caller stopped waiting must not count as an unhandled rejection.
    answered.catch(() => {});
    return limited(answered, what, wait);
  }

  async function listen(match: BusMatch, listener: (signal: BusSignal) => void): Promise<AsyncDisposable> {
    const body = [matchRule(match)];
    const filter = (message: Message): void => {
      if (message.type !== library.MessageType.SIGNAL) return;
      if (message.interface !== match.interface || message.member !== match.member) return;
      if (match.path !== undefined && message.path !== match.path) return;
      listener({
        path: message.path,
        interface: message.interface,
        member: message.member,
        body: message.body,
      });
    };
    await call({ ...driver, member: 'AddMatch', signature: 's', body });
    listeners.add(filter);
    return {
      async [Symbol.asyncDispose]() {
        if (!listeners.delete(filter)) return;
        await call({ ...driver, member: 'RemoveMatch', signature: 's', body });
      },
    };
  }

  try {
    // Any answer shows that the connection stands; a broken one says so here and not in the middle of work.
    await call({ ...driver, member: 'GetId' }, options);
  } catch (error) {
    disconnect();
    throw error;
  }
  return {
    call,
    listen,
    async [Symbol.asyncDispose]() {
      disconnect();
    },
  };
}
