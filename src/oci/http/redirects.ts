import { SdmeError } from '../../base/errors.ts';
import { printable } from '../printable.ts';
import { addressAllowed, bareHost, forbiddenAddress, isLoopback } from './addresses.ts';

/** Most redirects of one request. */
export const maxRedirects = 10;

/** The registry a request belongs to: what may be said to whom follows from it. */
export interface HomeHost {
  /** `host[:port]` as people write it. */
  readonly host: string;
  /** Plain http and unverified certificates are allowed, for this host only (registries.conf `insecure`). */
  readonly insecure: boolean;
}

/**
 * True when the URL is on the registry itself: same host, port and, by {@link checkTarget}, no weaker scheme. A port
 * that is written out although it is the scheme's own, and other forms of an address, make no difference.
 */
export function isHome(url: URL, home: HomeHost): boolean {
  return url.host === new URL(`${url.protocol}//${home.host}`).host;
}

/** Whether plain http may be spoken with the host of the URL. */
export function plainAllowed(url: URL, home: HomeHost): boolean {
  const homeIsLoopback = isLoopback(new URL(`http://${home.host}`).hostname);
  return (homeIsLoopback && isLoopback(url.hostname)) || (isHome(url, home) && home.insecure);
}

/**
 * Checks a URL that a registry named (a redirect or a token realm): http or https, no plain http except on loopback
 * or the insecure registry itself, no local addresses. @throws SdmeError `oci.protocol`
 */
export function checkTarget(url: URL, home: HomeHost, what: string): void {
  const shown = printable(`${url.protocol}//${url.host}`);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new SdmeError('oci.protocol', `the registry ${what} to ${shown}; only https is followed`);
  }
  if (url.protocol === 'http:' && !plainAllowed(url, home)) {
    throw new SdmeError(
      'oci.protocol',
      `the registry ${what} to ${shown}, which is not https; it is not followed`,
    );
  }
  if (isHome(url, home)) return;
  const homeIsLoopback = isLoopback(new URL(`http://${home.host}`).hostname);
  const rule = homeIsLoopback ? 'not-link-local' : 'not-local';
  if (!addressAllowed(bareHost(url.hostname), rule) || (!homeIsLoopback && isLoopback(url.hostname))) {
    throw forbiddenAddress(shown);
  }
}

/**
 * Where a redirect leads. `hops` counts those before it. @throws SdmeError `oci.protocol` for too many, for a
 * location that is none, and for what {@link checkTarget} refuses; from https it never leads to http.
 */
export function redirectTarget(from: URL, location: string | undefined, hops: number, home: HomeHost): URL {
  if (hops >= maxRedirects) {
    throw new SdmeError('oci.protocol', `${home.host} redirects more than ${maxRedirects} times`);
  }
  if (location === undefined || !URL.canParse(location, from.href)) {
    throw new SdmeError('oci.protocol', `${home.host} redirects to no valid location`);
  }
  const target = new URL(location, from);
  if (from.protocol === 'https:' && target.protocol === 'http:') {
    throw new SdmeError('oci.protocol', `${home.host} redirects from https to http; it is not followed`);
  }
  checkTarget(target, home, 'redirects');
  target.username = '';
  target.password = '';
  target.hash = '';
  return target;
}
