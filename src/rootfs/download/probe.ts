import type { Context } from '../../base/context.ts';
import type { Settings } from '../../config/schema.ts';
import type { Environment } from '../../oci/http/proxies.ts';
import { openTransport } from '../../oci/http/transport.ts';
import { planBody } from './answer.ts';
import { startUrl } from './redirects.ts';
import { answerFacts, askFor } from './request.ts';

/**
 * The bytes a URL has, as its server says; undefined when it does not say. The body is not read.
 * `environment` names proxies, if there are any.
 * @throws SdmeError `oci.network`, `oci.denied`, `oci.protocol`, `not-found`, `input.invalid`
 */
export async function probeUrl(
  ctx: Context,
  url: string,
  settings: Pick<Settings, 'http_timeout'>,
  environment: Environment,
): Promise<number | undefined> {
  const transport = openTransport(settings.http_timeout * 1000, environment);
  try {
    const answer = await askFor(transport, startUrl(url), {}, ctx.signal);
    answer.body.destroy();
    return planBody(url, answerFacts(answer), 0, Date.now()).total;
  } finally {
    transport.close();
  }
}
