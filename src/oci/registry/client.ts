import { SdmeError } from '../../base/errors.ts';
import { isLoopback } from '../http/addresses.ts';
import { readBody } from '../http/bodies.ts';
import { errorBodyText, errorCode, statusFailure } from '../http/failures.ts';
import { type HomeHost, isHome, redirectTarget } from '../http/redirects.ts';
import type { Answer, TlsSettings, Transport } from '../http/transport.ts';
import { printable } from '../printable.ts';
import { type HostCertificates, loadCertificates } from './certificates.ts';
import { chooseChallenge, parseChallenges } from './challenges.ts';
import { findCredentials } from './credentials.ts';
import { type Endpoint, schemesFor } from './endpoints.ts';
import type { Environment } from './environment.ts';
import type { Credentials } from './login.ts';
import { type Authorization, basicHeader, fetchToken } from './tokens.ts';

/** What all registry clients of a worker share. */
export interface RegistryRoom {
  readonly transport: Transport;
  readonly tlsFor: (host: HostCertificates | undefined, verify: boolean) => TlsSettings;
  /** Authorizations by registry and repository, so that a second request needs no second login. */
  readonly authorizations: Map<string, Authorization>;
  readonly environment: Environment;
  /** Login for docker.io from the settings; goes to auth.docker.io only. */
  readonly dockerLogin: Credentials | undefined;
  /** Silence limit of bodies, in milliseconds. */
  readonly silenceMs: number;
}

export interface GetOptions {
  readonly signal: AbortSignal;
  readonly headers?: Readonly<Record<string, string>>;
  /** How errors name what is asked for. */
  readonly what: string;
}

/** Talks to one repository of one registry. */
export interface RegistryClient {
  readonly endpoint: Endpoint;
  /**
   * One GET below `/v2/<repository>/`, with login and redirects, without retries. The answer has status 200 or 206.
   * @throws SdmeError `oci.*` by status; the signal's reason
   */
  get(path: string, options: GetOptions): Promise<Answer>;
}

/** How long a password is sent without being asked for, in milliseconds. */
const basicLifeMs = 300_000;
const redirectStatuses: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** Opens a client for an endpoint; reads its certificates. @throws SdmeError `config.invalid` */
export async function openRegistryClient(endpoint: Endpoint, room: RegistryRoom): Promise<RegistryClient> {
  const certificates = await loadCertificates(endpoint.registry, room.environment);
  const home: HomeHost = { host: endpoint.host, insecure: endpoint.insecure };
  const homeIsLoopback = isLoopback(new URL(`http://${endpoint.host}`).hostname);
  const homeTls = (): TlsSettings => room.tlsFor(certificates, !endpoint.insecure);
  const plainTls = (): TlsSettings => room.tlsFor(undefined, true);
  const noTls: TlsSettings = { context: undefined, id: '', verify: true };
  const key = `${endpoint.host}/${endpoint.repository}`;
  let schemes = schemesFor(endpoint, certificates !== undefined);

  /** One exchange; the login goes to the registry itself and nowhere else (unpack-cases I1). */
  const exchange = (url: URL, headers: Record<string, string>, signal: AbortSignal): Promise<Answer> => {
    const atHome = isHome(url, home);
    const authorization = atHome ? currentAuthorization(room, key) : undefined;
    const addresses = atHome ? 'any' : homeIsLoopback ? 'not-link-local' : 'not-local';
    const tls = url.protocol === 'http:' ? noTls : atHome ? homeTls() : plainTls();
    const login: Record<string, string> = authorization === undefined ? {} : { authorization };
    return room.transport.exchange({ url, headers: { ...headers, ...login }, tls, addresses, signal });
  };

  const follow = async (
    start: URL,
    headers: Record<string, string>,
    signal: AbortSignal,
  ): Promise<Answer> => {
    let url = start;
    for (let hops = 0; ; hops += 1) {
      const answer = await exchange(url, headers, signal);
      if (!redirectStatuses.has(answer.status)) return answer;
      await readBody(answer, 16 * 1024, { silenceMs: room.silenceMs, signal, cut: true, what: 'a redirect' });
      url = redirectTarget(url, answer.headers.location, hops, home);
    }
  };

  /** An insecure host may speak plain http: the first scheme that works is kept. */
  const start = async (
    path: string,
    headers: Record<string, string>,
    signal: AbortSignal,
  ): Promise<Answer> => {
    for (const [index, scheme] of schemes.entries()) {
      try {
        const answer = await follow(new URL(`${scheme}://${endpoint.host}${path}`), headers, signal);
        schemes = [scheme];
        return answer;
      } catch (error) {
        signal.throwIfAborted();
        if (index === schemes.length - 1 || !maySpeakPlain(error)) throw error;
      }
    }
    throw new SdmeError('internal', 'an endpoint without a scheme');
  };

  const get = async (path: string, options: GetOptions): Promise<Answer> => {
    const full = `/v2/${endpoint.repository}/${path}`;
    const headers = { ...options.headers };
    let answer = await start(full, headers, options.signal);
    if (answer.status === 401 && isHome(answer.url, home)) {
      const challenges = parseChallenges(answer.headers['www-authenticate'] ?? '');
      await readBody(answer, 64 * 1024, { silenceMs: room.silenceMs, ...options, cut: true });
      room.authorizations.delete(key);
      const door = { transport: room.transport, homeTls, plainTls, silenceMs: room.silenceMs };
      room.authorizations.set(key, await logIn(endpoint, home, challenges, room, door, options.signal));
      answer = await start(full, headers, options.signal);
    }
    if (answer.status === 200 || answer.status === 206) return answer;
    if (answer.status === 401) room.authorizations.delete(key);
    const body = await readBody(answer, 64 * 1024, { silenceMs: room.silenceMs, ...options, cut: true });
    const said = errorBodyText(body);
    throw statusFailure(answer.status, options.what, answer.headers['retry-after'], said, Date.now());
  };
  return { endpoint, get };
}

function currentAuthorization(room: RegistryRoom, key: string): string | undefined {
  const known = room.authorizations.get(key);
  if (known === undefined) return undefined;
  if (known.expiresAt > Date.now()) return known.header;
  room.authorizations.delete(key);
  return undefined;
}

/** True for failures that a host without TLS shows to a TLS client. */
function maySpeakPlain(error: unknown): boolean {
  const cause = error instanceof SdmeError ? error.cause : error;
  const code = errorCode(cause) ?? '';
  return code === 'EPROTO' || code === 'ECONNREFUSED' || code === 'ECONNRESET' || code.startsWith('ERR_SSL_');
}

async function logIn(
  endpoint: Endpoint,
  home: HomeHost,
  challenges: ReturnType<typeof parseChallenges>,
  room: RegistryRoom,
  door: Parameters<typeof fetchToken>[2],
  signal: AbortSignal,
): Promise<Authorization> {
  const asked = chooseChallenge(challenges);
  if (asked === undefined) {
    const schemes = challenges.map(({ scheme }) => scheme).join(', ');
    throw new SdmeError(
      'oci.denied',
      `${endpoint.registry} asks for a login we do not know${schemes === '' ? '' : ` (${printable(schemes)})`}`,
    );
  }
  const credentials = await credentialsFor(
    endpoint,
    asked.scheme === 'bearer' ? asked.realm : undefined,
    room,
    signal,
  );
  if (asked.scheme === 'bearer') {
    const own = `repository:${endpoint.repository}:`;
    const scope = asked.scope.startsWith(own) ? asked.scope : `${own}pull`;
    return fetchToken({ realm: asked.realm, service: asked.service, scope, home, credentials }, signal, door);
  }
  if (credentials?.kind !== 'password') {
    throw new SdmeError(
      'oci.denied',
      `${endpoint.registry} asks for a password and none is known; run 'skopeo login ${endpoint.registry}' as root`,
    );
  }
  return { header: basicHeader(credentials.user, credentials.password), expiresAt: Date.now() + basicLifeMs };
}

/** The docker login of the settings is for auth.docker.io alone (contract 6.2); everybody else's is in the files. */
async function credentialsFor(
  endpoint: Endpoint,
  realm: string | undefined,
  room: RegistryRoom,
  signal: AbortSignal,
): Promise<Credentials | undefined> {
  const dockerService =
    endpoint.host === 'registry-1.docker.io' &&
    realm !== undefined &&
    URL.canParse(realm) &&
    new URL(realm).origin === 'https://auth.docker.io';
  if (dockerService && room.dockerLogin !== undefined) return room.dockerLogin;
  return findCredentials(endpoint.registry, endpoint.repository, room.environment, signal);
}
