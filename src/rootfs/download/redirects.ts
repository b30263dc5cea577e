import { isIPv4, isIPv6 } from 'node:net';
import { SdmeError } from '../../base/errors.ts';

/** How many redirects one request follows. */
export const redirectLimit = 10;

function bareHost(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

/** Link-local addresses are where clouds answer with a machine's own credentials. */
function isLinkLocal(host: string): boolean {
  return (isIPv4(host) && host.startsWith('169.254.')) || (isIPv6(host) && /^fe[89ab]/.test(host));
}

/**
 * The URL a download begins with. @throws SdmeError `input.invalid` for other protocols and for credentials in
 * the URL, which would stay in the job's record
 */
export function startUrl(text: string): URL {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new SdmeError('input.invalid', `not an http or https URL: ${JSON.stringify(text.slice(0, 200))}`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new SdmeError('input.invalid', `credentials in a URL are not supported: ${url.host}`);
  }
  return url;
}

/**
 * Where a redirect leads. Refused are other protocols, a step from https down to http, and a step from
 * another machine to this one or to link-local addresses (unpack-cases I2). @throws SdmeError `download.refused`
 */
export function nextUrl(from: URL, location: string | null): URL {
  const refuse = (why: string): SdmeError =>
    new SdmeError('download.refused', `${from.host} redirects ${why}; not followed`);
  const to = location === null ? null : URL.parse(location, from.href);
  if (to === null) throw refuse('to nowhere');
  if (to.protocol !== 'http:' && to.protocol !== 'https:') throw refuse(`to ${to.protocol}`);
  if (from.protocol === 'https:' && to.protocol === 'http:') throw refuse('from https to http');
  if (to.username !== '' || to.password !== '') throw refuse('to a URL with credentials');
  const host = bareHost(to);
  if (isLinkLocal(host)) throw refuse(`to the link-local address ${host}`);
  if (isLoopback(host) && !isLoopback(bareHost(from))) throw refuse(`to this machine (${host})`);
  return to;
}
