import { z } from 'zod';
import { SdmeError } from '../../base/errors.ts';
import { isLoopback } from '../http/addresses.ts';
import { readBody } from '../http/bodies.ts';
import { errorBodyText, statusFailure } from '../http/failures.ts';
import { checkTarget, type HomeHost, isHome } from '../http/redirects.ts';
import type { Exchange, TlsSettings, Transport } from '../http/transport.ts';
import type { Credentials } from './login.ts';

/** An Authorization header and how long it serves. Epoch milliseconds. */
export interface Authorization {
  readonly header: string;
  readonly expiresAt: number;
}

/** What is asked of a token service (distribution token specification). */
export interface TokenRequest {
  readonly realm: string;
  readonly service: string;
  readonly scope: string;
  readonly home: HomeHost;
  readonly credentials: Credentials | undefined;
}

/** How token services are reached. */
export interface TokenDoor {
  readonly transport: Transport;
  /** TLS for the registry itself; every other host is verified against the usual CAs. */
  readonly homeTls: () => TlsSettings;
  readonly plainTls: () => TlsSettings;
  readonly silenceMs: number;
}

const answerMaxSize = 1024 * 1024;
/** A token serves at least this long, and this long without `expires_in` (token specification). */
const leastLifeSeconds = 60;

const answerSchema = z.looseObject({
  token: z.string().optional(),
  access_token: z.string().optional(),
  expires_in: z.number().nonnegative().optional(),
});

/** The realm of a challenge as a URL we are willing to send credentials to. @throws SdmeError `oci.protocol` */
export function checkRealm(realm: string, home: HomeHost): URL {
  if (!URL.canParse(realm)) throw new SdmeError('oci.protocol', `${home.host} names no valid token service`);
  const url = new URL(realm);
  checkTarget(url, home, 'sends us for a token');
  url.username = '';
  url.password = '';
  url.hash = '';
  return url;
}

/** Basic credentials as a header (RFC 7617). */
export function basicHeader(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`, 'utf8').toString('base64')}`;
}

function exchangeFor(request: TokenRequest, url: URL, signal: AbortSignal, door: TokenDoor): Exchange {
  const home = isHome(url, request.home);
  const addresses = home
    ? ('any' as const)
    : isLoopback(new URL(`http://${request.home.host}`).hostname)
      ? ('not-link-local' as const)
      : ('not-local' as const);
  const base = { tls: home ? door.homeTls() : door.plainTls(), addresses, signal };
  const { credentials, service, scope } = request;
  if (credentials?.kind === 'identity') {
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: credentials.token,
      client_id: 'sdme',
      ...(service === '' ? {} : { service }),
      scope,
    });
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return { ...base, url, method: 'POST', headers, body: form.toString() };
  }
  if (service !== '') url.searchParams.set('service', service);
  url.searchParams.set('scope', scope);
  if (credentials === undefined) return { ...base, url };
  return { ...base, url, headers: { authorization: basicHeader(credentials.user, credentials.password) } };
}

/** Reads what a token service answered. `now` in epoch milliseconds. @throws SdmeError `oci.protocol` */
export function parseTokenAnswer(body: Uint8Array, now: number): Authorization {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(body).toString('utf8'));
  } catch {
    throw new SdmeError('oci.protocol', 'the token service did not answer with JSON');
  }
  const parsed = answerSchema.safeParse(value);
  const token = parsed.success ? (parsed.data.token ?? parsed.data.access_token) : undefined;
  if (!parsed.success || token === undefined || !/^[\x21-\x7e]{1,65536}$/.test(token)) {
    throw new SdmeError('oci.protocol', 'the token service gave no usable token');
  }
  const seconds = Math.max(parsed.data.expires_in ?? 0, leastLifeSeconds);
  const life = Math.min(seconds, 24 * 3600) * 1000;
  // Renewed a little early, so that it does not run out on the way.
  return { header: `Bearer ${token}`, expiresAt: now + life - Math.min(10_000, life / 10) };
}

/**
 * Gets a token. Credentials go to the realm only over https, or to loopback from a loopback registry; redirects of a
 * token service are not followed. @throws SdmeError `oci.denied`, `oci.network`, `oci.rate-limited`, `oci.protocol`
 */
export async function fetchToken(
  request: TokenRequest,
  signal: AbortSignal,
  door: TokenDoor,
): Promise<Authorization> {
  const url = checkRealm(request.realm, request.home);
  const what = `a token for ${request.scope}`;
  const answer = await door.transport.exchange(exchangeFor(request, url, signal, door));
  const limits = { silenceMs: door.silenceMs, signal, what };
  if (answer.status !== 200) {
    const body = await readBody(answer, 64 * 1024, { ...limits, cut: true });
    throw statusFailure(answer.status, what, answer.headers['retry-after'], errorBodyText(body), Date.now());
  }
  return parseTokenAnswer(await readBody(answer, answerMaxSize, limits), Date.now());
}
