import { z } from 'zod';
import { SdmeError } from '../base/errors.ts';
import { type Descriptor, descriptorSchema } from './descriptors.ts';
import { parseUntrustedJson } from './json.ts';
import { contentMediaType, mediaKind } from './media-types.ts';
import { printable } from './printable.ts';

/** Most bytes of a manifest, index or image configuration that are read (distribution spec, "Pushing Manifests"). */
export const documentMaxSize = 4 * 1024 * 1024;
/** Most layers of one image; systemd's limit too. */
export const layersMaxCount = 4096;

/** One entry of an index. The platform is absent when the entry names none. */
export interface IndexEntry extends Descriptor {
  readonly platform:
    | { readonly os: string; readonly architecture: string; readonly variant: string }
    | undefined;
  /** The tag a layout on disk gives this entry. */
  readonly name: string | undefined;
  readonly artifact: boolean;
}

export interface IndexDocument {
  readonly kind: 'index';
  readonly entries: readonly IndexEntry[];
}

export interface ManifestDocument {
  readonly kind: 'manifest';
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

const versioned = z.looseObject({ schemaVersion: z.unknown().optional(), mediaType: z.string().optional() });

const text = z.string().max(255).nullish();
const indexSchema = z.object({
  manifests: z.array(
    descriptorSchema.extend({
      artifactType: text,
      platform: z.object({ os: text, architecture: text, variant: text }).nullish(),
      annotations: z.object({ 'org.opencontainers.image.ref.name': z.string().optional() }).nullish(),
    }),
  ),
});
const manifestSchema = z.object({ config: descriptorSchema, layers: z.array(descriptorSchema) });

function invalid(what: string, problem: string): SdmeError {
  return new SdmeError('oci.manifest-invalid', `${what} ${problem}`);
}

/** What is wrong, without quoting the document: paths of fields and zod's own words. */
function schemaProblem(error: z.ZodError): string {
  const issue = error.issues[0];
  return issue === undefined
    ? 'is not valid'
    : `is not valid: ${printable(`${issue.path.join('.')}: ${issue.message}`)}`;
}

/** The one media type that all who name one agree on (unpack-cases G4; distribution spec, "Pulling manifests"). */
function agreedType(what: string, named: readonly (string | undefined)[]): string | undefined {
  const types = [...new Set(named.filter((type) => type !== undefined))];
  if (types.length > 1) {
    throw invalid(
      what,
      `is said to be of different types: ${types.map((type) => printable(type)).join(', ')}`,
    );
  }
  return types[0];
}

function checkVersion(document: z.infer<typeof versioned>, what: string): void {
  const version = document.schemaVersion;
  if (version === 1) {
    throw invalid(
      what,
      'has the old docker schema 1, which cannot be verified; push the image again with a current tool',
    );
  }
  if (version !== 2)
    throw invalid(what, `has schemaVersion ${printable(JSON.stringify(version) ?? 'none')}, not 2`);
}

function parseIndex(value: unknown, what: string): IndexDocument {
  const parsed = indexSchema.safeParse(value);
  if (!parsed.success) throw invalid(what, schemaProblem(parsed.error));
  const entries = parsed.data.manifests.map((entry): IndexEntry => {
    const { os, architecture, variant } = entry.platform ?? {};
    const named = typeof os === 'string' && typeof architecture === 'string';
    return {
      mediaType: entry.mediaType,
      digest: entry.digest,
      size: entry.size,
      platform: named ? { os, architecture, variant: variant ?? '' } : undefined,
      name: entry.annotations?.['org.opencontainers.image.ref.name'],
      artifact: typeof entry.artifactType === 'string' && entry.artifactType !== '',
    };
  });
  return { kind: 'index', entries };
}

function parseManifest(value: unknown, what: string): ManifestDocument {
  const parsed = manifestSchema.safeParse(value);
  if (!parsed.success) throw invalid(what, schemaProblem(parsed.error));
  const { config, layers } = parsed.data;
  const strange = [config, ...layers].find(
    (part, position) => mediaKind(part.mediaType) !== (position === 0 ? 'config' : 'layer'),
  );
  if (strange !== undefined) {
    throw invalid(what, `is not a container image: it holds '${printable(strange.mediaType)}'`);
  }
  if (layers.length === 0) throw invalid(what, 'has no layers, so there is nothing to import');
  if (layers.length > layersMaxCount) {
    throw new SdmeError(
      'oci.limit',
      `${what} has ${layers.length} layers; at most ${layersMaxCount} are taken`,
    );
  }
  return { kind: 'manifest', config, layers };
}

/**
 * Parses an index or manifest of OCI or docker schema 2. `types` are the media types that its descriptor and its
 * Content-Type name; they and the body's own must agree. Digest and size were checked before.
 * @throws SdmeError `oci.manifest-invalid`, `oci.limit`; messages begin with `what`
 */
export function parseDocument(
  bytes: Uint8Array,
  what: string,
  types: readonly (string | undefined)[],
): IndexDocument | ManifestDocument {
  const parsed = versioned.safeParse(parseUntrustedJson(bytes, what));
  if (!parsed.success) throw invalid(what, 'is not a manifest');
  const document = parsed.data;
  const hasLayers = Object.hasOwn(document, 'layers');
  const hasManifests = Object.hasOwn(document, 'manifests');
  if (hasLayers && hasManifests)
    throw invalid(what, 'claims to be both an image and an index (CVE-2021-41190)');
  checkVersion(document, what);
  const type = agreedType(what, [...types.map(contentMediaType), contentMediaType(document.mediaType)]);
  const kind = type === undefined ? (hasManifests ? 'index' : 'manifest') : mediaKind(type);
  if (kind === 'index' && !hasLayers) return parseIndex(document, what);
  if (kind === 'manifest' && !hasManifests) return parseManifest(document, what);
  throw invalid(what, `is not a container image: it is '${printable(type ?? 'unknown')}'`);
}
