import type { Context } from '../../base/context.ts';
import type { Settings } from '../../config/schema.ts';
import { openTransport } from '../../oci/http/transport.ts';
import { planBody } from './answer.ts';
import { startUrl } from './redirects.ts';
import { answerFacts, askFor } from './request.ts';

/**
 * The bytes a URL has, as its server says; undefined when it does not say. The body is not read.
 * @throws SdmeError `oci.network`, `oci.denied`, `oci.protocol`, `not-found`, `input.invalid`
 */
export async function probeUrl(
  ctx: Context,
  url: string,
  settings: Pick<Settings, 'http_timeout'>,
): Promise<number | undefined> {
  const transport = openTransport(settings.http_timeout * 1000);
  try {
    const answer = await askFor(transport, startUrl(url), {}, ctx.signal);
    answer.body.destroy();
    return planBody(url, answerFacts(answer), 0, Date.now()).total;
  } finally {
    transport.close();
  }
}
