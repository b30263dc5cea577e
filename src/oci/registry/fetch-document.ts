import type { Digest } from '../../base/digests.ts';
import { SdmeError } from '../../base/errors.ts';
import { checkBytes, digestOf } from '../digest-check.ts';
import { readBody } from '../http/bodies.ts';
import { defaultRetry, type RetryRules, withRetry } from '../http/retry.ts';
import { documentMaxSize } from '../manifests.ts';
import { contentMediaType, manifestAccept } from '../media-types.ts';
import type { FetchedDocument } from '../resolve-manifest.ts';
import type { RegistryClient } from './client.ts';

/** What is asked for: a tag, or a digest with the size its descriptor names, if any does. */
export type DocumentName =
  | { readonly tag: string }
  | { readonly digest: Digest; readonly size?: number; readonly mediaType?: string };

/**
 * Fetches a manifest or index, at most 4 MiB, with retries. What the registry says about its digest is not believed:
 * the bytes' own counts, and must be the one asked for (unpack-cases I13, F17).
 * @throws SdmeError `oci.not-found`, `oci.digest-mismatch`, `oci.limit`, `oci.network` …; the signal's reason
 */
export async function fetchDocument(
  client: RegistryClient,
  name: DocumentName,
  what: string,
  options: { readonly signal: AbortSignal; readonly silenceMs: number; readonly retry?: RetryRules },
): Promise<FetchedDocument> {
  const { signal, silenceMs, retry = defaultRetry } = options;
  const size = 'digest' in name ? name.size : undefined;
  if (size !== undefined && size > documentMaxSize) {
    throw new SdmeError('oci.limit', `${what} is larger than ${documentMaxSize} bytes`);
  }
  return withRetry(retry, signal, async () => {
    const answer = await client.get(`manifests/${'digest' in name ? name.digest : name.tag}`, {
      signal,
      what,
      headers: { accept: manifestAccept.join(', ') },
    });
    const bytes = await readBody(answer, documentMaxSize, { signal, silenceMs, what });
    if ('digest' in name) checkBytes(bytes, size === undefined ? name : { digest: name.digest, size }, what);
    const said = contentMediaType(answer.headers['content-type']);
    const asked = 'digest' in name ? name.mediaType : undefined;
    if (asked !== undefined && said !== undefined && asked !== said) {
      throw new SdmeError(
        'oci.manifest-invalid',
        `${what} is said to be of different types: ${asked} and another`,
      );
    }
    return { bytes, digest: 'digest' in name ? name.digest : digestOf(bytes), mediaType: asked ?? said };
  });
}
