import { type Digest, parseDigest } from '../base/digests.ts';
import { SdmeError } from '../base/errors.ts';
import { printable } from './printable.ts';

/**
 * A checked image reference. Its parts follow the grammar of distribution/reference, so they are safe in URLs
 * and file names. `docker.io` stands for itself here; {@link registryHost} gives the host to talk to.
 */
export interface Reference {
  /** Registry as people write it, e.g. `docker.io`, `localhost:5000`, `[::1]:5000`. */
  readonly registry: string;
  /** Repository path, e.g. `library/debian`. */
  readonly repository: string;
  /** Tag; `latest` when neither tag nor digest was given, absent when only a digest was. */
  readonly tag: string | undefined;
  /** Digest; wins over the tag when both are given. */
  readonly digest: Digest | undefined;
}

const nameMaxLength = 255;
const host = '(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)(?:\\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*';
const registryPattern = new RegExp(`^(?:${host}|\\[[0-9a-fA-F:]{2,45}\\])(?::([0-9]{1,5}))?$`);
const componentPattern = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

function invalid(text: string, problem: string): SdmeError {
  return new SdmeError('oci.reference-invalid', `invalid image reference '${printable(text)}': ${problem}`);
}

/** True when the first component of a name says which registry it is on. */
function namesRegistry(component: string): boolean {
  return component === 'localhost' || component.includes('.') || component.includes(':');
}

/** True for `host`, `host:port` and `[v6]:port` with a port from 1 to 65535. */
export function isRegistryName(text: string): boolean {
  const match = registryPattern.exec(text);
  if (match === null || text.includes('\n')) return false;
  const port = match[1];
  return port === undefined || (Number(port) >= 1 && Number(port) <= 65_535);
}

function splitDigestPart(text: string): { name: string; digest: Digest | undefined } {
  const at = text.indexOf('@');
  if (at < 0) return { name: text, digest: undefined };
  try {
    return { name: text.slice(0, at), digest: parseDigest(text.slice(at + 1)) };
  } catch (error) {
    throw new SdmeError(
      'oci.reference-invalid',
      `invalid image reference '${printable(text)}': what follows '@' must be a sha256 or sha512 digest`,
      { cause: error },
    );
  }
}

function splitTagPart(text: string, name: string): { path: string; tag: string | undefined } {
  const colon = name.indexOf(':', name.lastIndexOf('/') + 1);
  // A colon inside the brackets of a lone IPv6 address is none of a tag, but such a name has no path either.
  if (colon < 0) return { path: name, tag: undefined };
  const tag = name.slice(colon + 1);
  if (!tagPattern.test(tag)) throw invalid(text, 'the tag must be 1 to 128 of A-Z a-z 0-9 _ . -');
  return { path: name.slice(0, colon), tag };
}

/**
 * Parses `[registry/]repository[:tag][@digest]` (distribution/reference grammar). A name without a registry is on
 * `docker.io`, and a docker.io name of one component is below `library/`; there is no search list.
 * @throws SdmeError `oci.reference-invalid`
 */
export function parseReference(text: string): Reference {
  if (/[^\x21-\x7e]/.test(text)) throw invalid(text, 'only printable ASCII without spaces is allowed');
  const { name, digest } = splitDigestPart(text);
  const { path, tag } = splitTagPart(text, name);
  if (path.length > nameMaxLength) throw invalid(text, `the name is longer than ${nameMaxLength} characters`);
  const components = path.split('/');
  const first = components[0] ?? '';
  const explicit = components.length > 1 && namesRegistry(first);
  if (explicit && !isRegistryName(first)) throw invalid(text, 'the registry must be host[:port]');
  const registry = explicit && first !== 'index.docker.io' ? first : 'docker.io';
  const own = explicit ? components.slice(1) : components;
  if (own.some((component) => !componentPattern.test(component))) {
    throw invalid(
      text,
      'each part of the repository must be lowercase letters, digits and single separators',
    );
  }
  const repository = registry === 'docker.io' && own.length === 1 ? `library/${own[0]}` : own.join('/');
  return { registry, repository, tag: tag ?? (digest === undefined ? 'latest' : undefined), digest };
}

/** The reference in full, e.g. `docker.io/library/debian:trixie@sha256:…`. */
export function formatReference(reference: Reference): string {
  const tag = reference.tag === undefined ? '' : `:${reference.tag}`;
  const digest = reference.digest === undefined ? '' : `@${reference.digest}`;
  return `${reference.registry}/${reference.repository}${tag}${digest}`;
}

/** The host that serves a registry's API: docker.io's is registry-1.docker.io (contract 6.1). */
export function registryHost(registry: string): string {
  return registry === 'docker.io' || registry === 'index.docker.io' ? 'registry-1.docker.io' : registry;
}
