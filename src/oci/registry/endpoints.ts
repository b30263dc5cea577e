import { SdmeError } from '../../base/errors.ts';
import { isLoopback } from '../http/addresses.ts';
import { formatReference, isRegistryName, type Reference, registryHost } from '../references.ts';
import { findRule, type RegistryRule } from './registries-conf.ts';

/** One place an image may be fetched from. */
export interface Endpoint {
  /** Registry as people write it: the key for credentials and certificates. */
  readonly registry: string;
  /** `host[:port]` of its API. */
  readonly host: string;
  readonly repository: string;
  /** Plain http and unverified certificates are allowed. */
  readonly insecure: boolean;
  readonly mirror: boolean;
}

function endpointAt(location: string, insecure: boolean, mirror: boolean): Endpoint {
  const slash = location.indexOf('/');
  const registry = slash < 0 ? location : location.slice(0, slash);
  const repository = slash < 0 ? '' : location.slice(slash + 1);
  if (!isRegistryName(registry) || !/^[a-z0-9]+(?:[._/-]+[a-z0-9]+)*$/.test(repository)) {
    throw new SdmeError(
      'config.invalid',
      `registries.conf leads to ${JSON.stringify(location)}, which is no repository`,
    );
  }
  const name = registry === 'index.docker.io' ? 'docker.io' : registry;
  return { registry: name, host: registryHost(name).toLowerCase(), repository, insecure, mirror };
}

/**
 * Where to look for an image, in order: the mirrors that serve such a reference, then its own registry
 * (containers-registries.conf(5)). @throws SdmeError `oci.denied` when a rule blocks it, `config.invalid`
 */
export function endpointsFor(reference: Reference, rules: readonly RegistryRule[]): Endpoint[] {
  const name = `${reference.registry}/${reference.repository}`;
  const found = findRule(rules, name);
  if (found === undefined) return [endpointAt(name, false, false)];
  const { rule, covered } = found;
  if (rule.blocked) {
    throw new SdmeError(
      'oci.denied',
      `${formatReference(reference)} is blocked by '${rule.prefix}' in registries.conf`,
    );
  }
  const rest = name.slice(covered);
  const serves = reference.digest === undefined ? 'digest-only' : 'tag-only';
  const mirrors = rule.mirrors
    .filter(({ pull }) => pull !== serves)
    .map(({ location, insecure }) => endpointAt(location + rest, insecure, true));
  const own = rule.location === '' ? name : rule.location + rest;
  return [...mirrors, endpointAt(own, rule.insecure, false)];
}

/**
 * Schemes to try, in order. An insecure host may speak either; loopback speaks plain http unless it has certificates
 * (contract 6.1).
 */
export function schemesFor(endpoint: Endpoint, hasCertificates: boolean): readonly ('https' | 'http')[] {
  if (endpoint.insecure) return ['https', 'http'];
  const { hostname } = new URL(`http://${endpoint.host}`);
  return isLoopback(hostname) && !hasCertificates ? ['http'] : ['https'];
}
