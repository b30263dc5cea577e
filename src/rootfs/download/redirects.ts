import { SdmeError } from '../../base/errors.ts';
import { type AddressRule, isLoopback } from '../../oci/http/addresses.ts';

/** How many redirects one request follows. */
export const redirectLimit = 10;

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
  url.hash = '';
  return url;
}

/**
 * Where a redirect leads. Refused are other protocols, a step from https down to http, and credentials.
 * @throws SdmeError `oci.protocol`
 */
export function nextUrl(from: URL, location: string | undefined): URL {
  const refuse = (why: string): SdmeError =>
    new SdmeError('oci.protocol', `${from.host} redirects ${why}; not followed`);
  const to = location === undefined ? null : URL.parse(location, from.href);
  if (to === null) throw refuse('to nowhere');
  if (to.protocol !== 'http:' && to.protocol !== 'https:') throw refuse(`to ${to.protocol}`);
  if (from.protocol === 'https:' && to.protocol === 'http:') throw refuse('from https to http');
  if (to.username !== '' || to.password !== '') throw refuse('to a URL with credentials');
  return to;
}

/**
 * The addresses a request may go to: any for the host the person named, but a redirect must not lead to this
 * machine or to link-local addresses, where clouds hand out a machine's credentials (unpack-cases I2).
 */
export function addressRule(start: URL, target: URL): AddressRule {
  if (start.host === target.host) return 'any';
  return isLoopback(start.hostname) ? 'not-link-local' : 'not-local';
}
