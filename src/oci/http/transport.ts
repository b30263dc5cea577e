import {
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { SecureContext } from 'node:tls';
import { SdmeError } from '../../base/errors.ts';
import { type AddressRule, addressAllowed, bareHost, forbiddenAddress, guardedLookup } from './addresses.ts';
import { networkFailure } from './failures.ts';
import { type Environment, proxyFor } from './proxies.ts';

/** Open connections per host; the rest of the requests wait for one. */
const maxConnections = 32;

/** How the other side is authenticated over TLS. */
export interface TlsSettings {
  /** Trusted CAs and our client certificate. */
  readonly context: SecureContext | undefined;
  /** Changes with what `context` holds, so that connections made with other certificates are not used again. */
  readonly id: string;
  /** False only for a host that registries.conf calls insecure. */
  readonly verify: boolean;
}

/** One HTTP exchange, without redirects or retries. */
export interface Exchange {
  readonly url: URL;
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly tls: TlsSettings;
  readonly addresses: AddressRule;
  readonly signal: AbortSignal;
}

/** An answer whose body has not been read. Whoever has it reads or destroys `body`. */
export interface Answer {
  readonly url: URL;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The bytes as they were sent: nothing is decoded (unpack-cases I12). */
  readonly body: IncomingMessage;
}

/** HTTP and HTTPS over kept connections. */
export interface Transport {
  /**
   * Sends a request and waits for the head of its answer, at most the time limit for connecting and for the first
   * byte. The signal ends the body too. @throws SdmeError `oci.network`, `oci.protocol`; the signal's reason
   */
  exchange(exchange: Exchange): Promise<Answer>;
  /** Ends all connections. */
  close(): void;
}

type Agent = HttpAgent | HttpsAgent;

function openAgent(exchange: Exchange, proxy: URL | undefined): Agent {
  const pool = { keepAlive: true, maxSockets: maxConnections };
  // A proxy looks names up itself, and may be anywhere.
  const shared =
    proxy === undefined
      ? { ...pool, lookup: guardedLookup(exchange.addresses) }
      : { ...pool, proxyEnv: { http_proxy: proxy.href, https_proxy: proxy.href } };
  if (exchange.url.protocol === 'http:') return new HttpAgent(shared);
  const { context, verify } = exchange.tls;
  return new HttpsAgent({
    ...shared,
    rejectUnauthorized: verify,
    ...(context === undefined ? {} : { secureContext: context }),
  });
}

/** One pool per host and way of talking to it, so that no setting of one host reaches another. */
function agentKey({ url, tls, addresses }: Exchange): string {
  return `${url.protocol}//${url.host} ${tls.verify} ${tls.id} ${addresses}`;
}

/**
 * Opens a transport. `answerTimeoutMs` limits connecting and waiting for the head of an answer; `environment` names
 * proxies, if there are any.
 */
export function openTransport(answerTimeoutMs: number, environment: Environment): Transport {
  const agents = new Map<string, Agent>();
  const agentFor = (exchange: Exchange): Agent => {
    const key = agentKey(exchange);
    const agent = agents.get(key) ?? openAgent(exchange, proxyFor(exchange.url, environment));
    agents.set(key, agent);
    return agent;
  };
  return {
    exchange: async (exchange) => send(exchange, agentFor(exchange), answerTimeoutMs),
    close: () => {
      for (const agent of agents.values()) agent.destroy();
      agents.clear();
    },
  };
}

function send(exchange: Exchange, agent: Agent, timeoutMs: number): Promise<Answer> {
  const { url, signal } = exchange;
  return new Promise<Answer>((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    // A lookup is not asked about literal addresses.
    if (!addressAllowed(bareHost(url.hostname), exchange.addresses))
      return reject(forbiddenAddress(url.host));
    const start = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const request = start(url, {
      agent,
      method: exchange.method ?? 'GET',
      headers: { 'user-agent': 'sdme', 'accept-encoding': 'identity', ...exchange.headers },
    });
    const abort = (): void => {
      request.destroy(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
    };
    signal.addEventListener('abort', abort, { once: true });
    const late = new SdmeError('oci.network', `${url.host} did not answer within ${timeoutMs / 1000} s`, {
      facts: { host: url.host },
    });
    let timer: NodeJS.Timeout | undefined;
    // The limit begins with the connection, not while the request waits for one of ours to be free.
    request.once('socket', () => {
      timer = setTimeout(() => request.destroy(late), timeoutMs);
    });
    request.once('response', (body) => {
      clearTimeout(timer);
      resolve({ url, status: body.statusCode ?? 0, headers: body.headers, body });
    });
    request.on('error', (error) => {
      clearTimeout(timer);
      reject(signal.aborted ? signal.reason : networkFailure(error, url.host));
    });
    request.once('close', () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    });
    request.end(exchange.body);
  });
}
