import { SdmeError } from '../../base/errors.ts';

/** The parts of an HTTP answer that decide how a download goes on. Header values are as sent. */
export interface AnswerFacts {
  readonly status: number;
  readonly contentLength: string | null;
  readonly contentRange: string | null;
  readonly retryAfter: string | null;
}

/** What to do with the body: write it from byte `from` on; `total` is the whole file's size, when known. */
export interface BodyPlan {
  readonly from: number;
  readonly total: number | undefined;
}

function lengthOf(text: string | null): number | undefined {
  return text !== null && /^[0-9]{1,15}$/.test(text) ? Number(text) : undefined;
}

/** Milliseconds of a Retry-After in seconds or as a date (RFC 9110, 10.2.3); undefined when absent or senseless. */
export function retryAfterMs(text: string | null, now: number): number | undefined {
  if (text === null) return undefined;
  if (/^[0-9]{1,9}$/.test(text)) return Number(text) * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

function partPlan(url: string, facts: AnswerFacts, have: number): BodyPlan {
  const match = /^bytes ([0-9]{1,15})-[0-9]{1,15}\/([0-9]{1,15}|\*)$/.exec(facts.contentRange ?? '');
  if (match?.[1] === undefined || Number(match[1]) !== have) {
    throw new SdmeError('download.network', `${url} answered with another part than was asked for`);
  }
  return { from: have, total: match[2] === '*' ? undefined : Number(match[2]) };
}

/**
 * What an answer to a request for the bytes from `have` on means. A server that ignores the range sends the
 * whole file again. @throws SdmeError `download.network` (may be tried again), `download.refused`, `not-found`
 */
export function planBody(url: string, facts: AnswerFacts, have: number, now: number): BodyPlan {
  const { status } = facts;
  if (status === 200) return { from: 0, total: lengthOf(facts.contentLength) };
  if (status === 206 && have > 0) return partPlan(url, facts, have);
  if (status === 404 || status === 410)
    throw new SdmeError('not-found', `${url} does not exist (HTTP ${status})`);
  if (status === 408 || status === 416 || status === 425 || status === 429 || status >= 500) {
    const wait = retryAfterMs(facts.retryAfter, now);
    throw new SdmeError('download.network', `${url} answered with HTTP ${status}`, {
      facts: { status },
      ...(wait === undefined ? {} : { retryAfterMs: wait }),
    });
  }
  throw new SdmeError('download.refused', `${url} answered with HTTP ${status}`, { facts: { status } });
}
