import { basename } from 'node:path';
import { SdmeError } from '../base/errors.ts';
import { sourceTextKind } from '../contracts/rootfs-source.ts';
import { type Compression, compressionOf, type Magic } from './magic.ts';

/** What was found where a source points to. */
export type PathFacts =
  | { readonly type: 'missing' | 'other' }
  /** `layoutVersion`: the version in the file `oci-layout`, when there is such a regular file. */
  | { readonly type: 'directory'; readonly layoutVersion?: string }
  /** `image`: the archive holds `oci-layout` or docker-save's `manifest.json`. */
  | { readonly type: 'file'; readonly magic: Magic; readonly image: boolean };

/** What an import works on, once detected. `tarball` and `archive` are files. */
export type DetectedSource =
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'registry'; readonly reference: string }
  | { readonly kind: 'directory'; readonly path: string }
  | { readonly kind: 'layout'; readonly path: string }
  | { readonly kind: 'tarball'; readonly path: string; readonly compression: Compression }
  | { readonly kind: 'archive'; readonly path: string; readonly compression: Compression };

/** Sources whose text alone decides; undefined for a path, which must be looked at (contract 6.1, rows 1-2). */
export function detectByText(source: string): DetectedSource | undefined {
  switch (sourceTextKind(source)) {
    case 'url':
      return { kind: 'url', url: source };
    case 'registry':
      return { kind: 'registry', reference: source };
    case 'path':
      return undefined;
  }
}

function unsupported(message: string): SdmeError {
  return new SdmeError('source.unsupported', message);
}

function detectFile(source: string, magic: Magic, image: boolean): DetectedSource {
  const compression = compressionOf(magic);
  const raw = /\.(raw|img|qcow2)$/i.test(source);
  if (magic === 'qcow2' || magic === 'disk' || (raw && compression === undefined)) {
    throw unsupported(
      `'${source}' is a disk image, which cannot be imported; make a tarball of its root filesystem instead`,
    );
  }
  if (compression === undefined) {
    const what = magic === 'html' ? 'is a web page' : 'is not a tar archive that sdme can read';
    throw unsupported(`'${source}' ${what} (plain, gzip, bzip2, xz and zstd tarballs are)`);
  }
  return { kind: image ? 'archive' : 'tarball', path: source, compression };
}

/** Said where the name is more like that of an image, such as `debian` or `debian:trixie`. */
function imageHint(source: string): string {
  const isFileName = /\.[a-z]/i.test(basename(source));
  return isFileName ? '' : '; an image of a registry is named with its host, as in docker.io/library/debian';
}

/**
 * What a path is, from what was found there; the first rule that fits wins (contract 6.1, rows 3-5).
 * @throws SdmeError `not-found`, `source.unsupported`
 */
export function detectPath(source: string, facts: PathFacts): DetectedSource {
  switch (facts.type) {
    case 'missing':
      throw new SdmeError('not-found', `source path does not exist: ${source}${imageHint(source)}`);
    case 'other':
      throw unsupported(`source path is not a file or directory: ${source}`);
    case 'directory':
      if (facts.layoutVersion === undefined) return { kind: 'directory', path: source };
      if (facts.layoutVersion === '1.0.0') return { kind: 'layout', path: source };
      throw unsupported(`'${source}' is an OCI layout of version ${facts.layoutVersion}; 1.0.0 is supported`);
    case 'file':
      return detectFile(source, facts.magic, facts.image);
  }
}
