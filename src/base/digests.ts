import { SdmeError } from './errors.ts';

/** Algorithms we check (OCI image spec, descriptor.md "Digests"). */
export type DigestAlgorithm = 'sha256' | 'sha512';

/** A content digest whose text has been checked, so that it is safe in paths and URLs. */
export type Digest = `${DigestAlgorithm}:${string}`;

const hexLength: Readonly<Record<DigestAlgorithm, number>> = { sha256: 64, sha512: 128 };

/** The digest, if it is one we can check. @throws SdmeError `oci.manifest-invalid` naming the text */
export function parseDigest(text: string): Digest {
  const match = /^(sha256|sha512):([0-9a-f]+)$/.exec(text);
  const algorithm = match?.[1] as DigestAlgorithm | undefined;
  if (algorithm === undefined || match?.[2]?.length !== hexLength[algorithm] || text.includes('\n')) {
    throw new SdmeError(
      'oci.manifest-invalid',
      `not a digest we can check: ${JSON.stringify(text.slice(0, 160))}`,
    );
  }
  return text as Digest;
}

/** The two parts of a digest. */
export function splitDigest(digest: Digest): { algorithm: DigestAlgorithm; hex: string } {
  const colon = digest.indexOf(':');
  return { algorithm: digest.slice(0, colon) as DigestAlgorithm, hex: digest.slice(colon + 1) };
}
