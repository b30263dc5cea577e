import { z } from 'zod';
import { type Digest, parseDigest } from '../base/digests.ts';
import { SdmeError } from '../base/errors.ts';

/** What a manifest or index says about one blob (OCI image spec descriptor.md). */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes, exactly. */
  readonly size: number;
}

/** A digest in a document; its text is checked before any path or URL is made of it (CVE-2024-3727). */
export const digestSchema = z.string().transform((text, context): Digest => {
  try {
    return parseDigest(text);
  } catch (error) {
    context.addIssue({ code: 'custom', message: error instanceof SdmeError ? error.message : 'no digest' });
    return z.NEVER;
  }
});

/** A descriptor; `urls`, `data` and annotations are not looked at (unpack-cases F19, G12). */
export const descriptorSchema = z.object({
  mediaType: z.string().max(255),
  digest: digestSchema,
  size: z.int().nonnegative(),
});
