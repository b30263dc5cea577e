import { SdmeError } from '../../base/errors.ts';
import type { Answer, Transport } from '../../oci/http/transport.ts';
import type { AnswerFacts } from './answer.ts';
import { addressRule, nextUrl, redirectLimit } from './redirects.ts';

/** A download's certificates are always checked; there is no per-host exception as for registries. */
const verifiedTls = { context: undefined, id: '', verify: true } as const;

/** Asks for a URL and follows redirects. The answer's body has not been read. @throws SdmeError `oci.network`, `oci.protocol` */
export async function askFor(
  transport: Transport,
  start: URL,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Answer> {
  let url = start;
  for (let hop = 0; hop <= redirectLimit; hop += 1) {
    const addresses = addressRule(start, url);
    const answer = await transport.exchange({ url, headers, tls: verifiedTls, addresses, signal });
    if (answer.status < 300 || answer.status > 399) return answer;
    answer.body.destroy();
    url = nextUrl(url, answer.headers.location);
  }
  throw new SdmeError('oci.protocol', `${start.host} redirects more than ${redirectLimit} times`);
}

/** What decides how a download goes on. */
export function answerFacts({ status, headers }: Answer): AnswerFacts {
  return {
    status,
    contentLength: headers['content-length'],
    contentRange: headers['content-range'],
    retryAfter: headers['retry-after'],
  };
}
