import { SdmeError } from '../../base/errors.ts';
import { printable } from '../printable.ts';
import { parseRetryAfter } from './retry.ts';

const certificateCodes: ReadonlySet<string> = new Set([
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_REVOKED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** The code of a Node.js error, e.g. `ECONNRESET`. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** A socket, name lookup or TLS error as one of ours; errors of ours pass through. */
export function networkFailure(error: unknown, host: string): SdmeError {
  if (error instanceof SdmeError) return error;
  const code = errorCode(error);
  const facts = { host, ...(code === undefined ? {} : { errno: code }) };
  if (code !== undefined && certificateCodes.has(code)) {
    return new SdmeError(
      'oci.network',
      `the certificate of ${host} is not trusted (${code}); put its CA into /etc/containers/certs.d/${host}/ca.crt, or set insecure = true for it in registries.conf`,
      { cause: error, facts, retryable: false },
    );
  }
  const said = code ?? (error instanceof Error ? printable(error.message) : 'unknown error');
  return new SdmeError('oci.network', `cannot talk to ${host}: ${said}`, { cause: error, facts });
}

/** What an error body in the form of the distribution spec says, escaped; empty when it is none. */
export function errorBodyText(body: Uint8Array): string {
  try {
    const value: unknown = JSON.parse(Buffer.from(body).toString('utf8'));
    const errors =
      typeof value === 'object' && value !== null && 'errors' in value ? value.errors : undefined;
    const first: unknown = Array.isArray(errors) ? errors[0] : undefined;
    if (typeof first !== 'object' || first === null) return '';
    const code = 'code' in first && typeof first.code === 'string' ? first.code : '';
    const message = 'message' in first && typeof first.message === 'string' ? first.message : '';
    return printable([code, message].filter((part) => part !== '').join(': '));
  } catch {
    return '';
  }
}

/** What a status that is no success means, once for all requests. `what` is e.g. `docker.io/library/debian:trixie`. */
export function statusFailure(
  status: number,
  what: string,
  retryAfter: string | undefined,
  said: string,
  now: number,
): SdmeError {
  const detail = said === '' ? '' : ` (${said})`;
  const facts = { status };
  const retryAfterMs = parseRetryAfter(retryAfter, now);
  const later = retryAfterMs === undefined ? {} : { retryAfterMs };
  const hint =
    retryAfterMs === undefined ? '' : `; it asks to come back in ${Math.ceil(retryAfterMs / 1000)} s`;
  if (status === 404)
    return new SdmeError('oci.not-found', `the registry has no ${what}${detail}`, { facts });
  if (status === 401 || status === 403) {
    return new SdmeError('oci.denied', `access to ${what} is denied${detail}; log in, or check the name`, {
      facts,
    });
  }
  if (status === 429) {
    return new SdmeError('oci.rate-limited', `the registry limits requests for ${what}${hint}${detail}`, {
      facts,
      ...later,
    });
  }
  if (status === 408 || status >= 500) {
    return new SdmeError(
      'oci.network',
      `the registry failed with status ${status} for ${what}${hint}${detail}`,
      {
        facts,
        ...later,
      },
    );
  }
  return new SdmeError('oci.protocol', `the registry answered ${what} with status ${status}${detail}`, {
    facts,
  });
}
