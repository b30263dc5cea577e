import { SdmeError } from '../../base/errors.ts';
import { parseRetryAfter } from '../../oci/http/retry.ts';

/** The parts of an HTTP answer that decide how a download goes on. Header values are as sent. */
export interface AnswerFacts {
  readonly status: number;
  readonly contentLength: string | undefined;
  readonly contentRange: string | undefined;
  readonly retryAfter: string | undefined;
}

/** What to do with the body: write it from byte `from` on; `total` is the whole file's size, when known. */
export interface BodyPlan {
  readonly from: number;
  readonly total: number | undefined;
}

function lengthOf(text: string | undefined): number | undefined {
  return text !== undefined && /^[0-9]{1,15}$/.test(text) ? Number(text) : undefined;
}

function partPlan(url: string, facts: AnswerFacts, have: number): BodyPlan {
  const match = /^bytes ([0-9]{1,15})-[0-9]{1,15}\/([0-9]{1,15}|\*)$/.exec(facts.contentRange ?? '');
  if (match?.[1] === undefined || Number(match[1]) !== have) {
    throw new SdmeError('oci.network', `${url} answered with another part than was asked for`);
  }
  return { from: have, total: match[2] === '*' ? undefined : Number(match[2]) };
}

/**
 * What an answer to a request for the bytes from `have` on means. A server that ignores the range sends the
 * whole file again. `now` in epoch milliseconds.
 * @throws SdmeError `oci.network` (may be tried again), `oci.denied`, `oci.protocol`, `not-found`
 */
export function planBody(url: string, facts: AnswerFacts, have: number, now: number): BodyPlan {
  const { status } = facts;
  const options = { facts: { status } };
  if (status === 200) return { from: 0, total: lengthOf(facts.contentLength) };
  if (status === 206 && have > 0) return partPlan(url, facts, have);
  if (status === 404 || status === 410) {
    throw new SdmeError('not-found', `${url} does not exist (HTTP ${status})`, options);
  }
  if (status === 401 || status === 403) {
    throw new SdmeError('oci.denied', `access to ${url} is denied (HTTP ${status})`, options);
  }
  if ([408, 416, 425, 429].includes(status) || status >= 500) {
    const retryAfterMs = parseRetryAfter(facts.retryAfter, now);
    throw new SdmeError('oci.network', `${url} answered with HTTP ${status}`, {
      ...options,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    });
  }
  throw new SdmeError('oci.protocol', `${url} answered with HTTP ${status}`, options);
}
