import { createHash, type Hash } from 'node:crypto';
import { type Digest, splitDigest } from '../base/digests.ts';
import { SdmeError } from '../base/errors.ts';

/** A running hash of a digest's own algorithm. */
export function hashFor(digest: Digest): Hash {
  return createHash(splitDigest(digest).algorithm);
}

/** The digest of bytes. */
export function digestOf(bytes: Uint8Array, algorithm: 'sha256' | 'sha512' = 'sha256'): Digest {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
}

/** The error for content that is not what its digest says; `found` is its own digest or size. */
export function mismatch(what: string, wanted: string, found: string): SdmeError {
  return new SdmeError(
    'oci.digest-mismatch',
    `${what} does not match its descriptor: want ${wanted}, got ${found}`,
    {
      facts: { wanted, found },
    },
  );
}

/** Checks size, if given, and digest of bytes at hand. @throws SdmeError `oci.digest-mismatch` */
export function checkBytes(bytes: Uint8Array, wanted: { digest: Digest; size?: number }, what: string): void {
  if (wanted.size !== undefined && bytes.length !== wanted.size) {
    throw mismatch(what, `${wanted.size} bytes`, `${bytes.length} bytes`);
  }
  const found = digestOf(bytes, splitDigest(wanted.digest).algorithm);
  if (found !== wanted.digest) throw mismatch(what, wanted.digest, found);
}

/** `sha256:0123456789ab`: enough of a digest for people. */
export function shortDigest(digest: Digest): string {
  const { algorithm, hex } = splitDigest(digest);
  return `${algorithm}:${hex.slice(0, 12)}`;
}
