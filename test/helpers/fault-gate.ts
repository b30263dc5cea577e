import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

/** One request that came through a {@link RegistryGate}. */
export interface GateRequest {
  readonly method: string;
  readonly path: string;
  readonly range: string | undefined;
  /** Absent until the registry answered; 0 when it could not be reached. */
  status?: number;
}

/** What stays behind the gate until it is opened. */
export interface Hold {
  /** Paths of the requests this is for. */
  readonly path: RegExp;
  /** Bytes of each body that come through; 0 holds back the head of the answer too. */
  readonly afterBytes: number;
  /** Bytes a second up to there; default: as fast as it goes. */
  readonly pace?: number;
}

/**
 * A gate on loopback before a real registry: it counts what is asked, and stops answers in the middle, so that a test
 * finds a download at a known place however fast the machine is. What the registry does to a connection it does too.
 */
export interface RegistryGate extends AsyncDisposable {
  /** `127.0.0.1:<port>` */
  readonly host: string;
  readonly requests: readonly GateRequest[];
  /** Holds back from now on; one hold at a time. */
  hold(hold: Hold): void;
  /** Lets everything through. */
  open(): void;
  /** How many answers are held back now. */
  held(): number;
  /** Requests for a blob's bytes. */
  gets(digest: string): GateRequest[];
}

/** Opens one before the registry at `host`. */
export async function openRegistryGate(host: string): Promise<RegistryGate> {
  const [hostname, port] = host.split(':');
  const requests: GateRequest[] = [];
  const held = new Set<ServerResponse>();
  let hold: Hold | undefined;
  let opened = Promise.withResolvers<void>();
  const open = (): void => {
    hold = undefined;
    opened.resolve();
    opened = Promise.withResolvers();
  };
  /** Waits while an answer is held back after so many bytes. */
  const pass = async (
    path: string,
    sent: number,
    answer: ServerResponse,
    closed: Promise<void>,
  ): Promise<void> => {
    while (hold?.path.test(path) === true && sent >= hold.afterBytes && !answer.destroyed) {
      held.add(answer);
      await Promise.race([opened.promise, closed]);
      held.delete(answer);
    }
  };
  const forward = async (from: IncomingMessage, to: ServerResponse, seen: GateRequest): Promise<void> => {
    const { method, headers } = from;
    const asking = request({ hostname, port, path: seen.path, method, headers: { ...headers, host } });
    const closed = new Promise<void>((resolve) => {
      to.once('close', () => {
        asking.destroy();
        resolve();
      });
    });
    asking.end();
    const [answer] = (await once(asking, 'response')) as [IncomingMessage];
    seen.status = answer.statusCode ?? 0;
    await pass(seen.path, 0, to, closed);
    to.writeHead(seen.status, answer.headers);
    const began = performance.now();
    let sent = 0;
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      if (to.destroyed) return;
      sent += chunk.length;
      const pace = hold?.path.test(seen.path) === true ? hold.pace : undefined;
      if (pace !== undefined) await delay((sent / pace) * 1000 - (performance.now() - began));
      if (!to.write(chunk)) await Promise.race([once(to, 'drain'), closed]);
      await pass(seen.path, sent, to, closed);
    }
    to.end();
  };
  const server = createServer((from, to) => {
    const seen: GateRequest = {
      method: from.method ?? '',
      path: from.url ?? '',
      range: from.headers.range,
    };
    requests.push(seen);
    forward(from, to, seen).catch(() => {
      // The registry is gone or broke off: whoever asked sees the same.
      seen.status ??= 0;
      to.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the gate has no port');
  return {
    host: `127.0.0.1:${address.port}`,
    requests,
    hold: (wanted) => {
      hold = wanted;
    },
    open,
    held: () => held.size,
    gets: (digest) =>
      requests.filter(({ method, path }) => method === 'GET' && path.endsWith(`/blobs/${digest}`)),
    [Symbol.asyncDispose]: async () => {
      open();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
