import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';
import { SdmeError } from '../../base/errors.ts';
import { errorCode } from '../http/failures.ts';
import type { TlsSettings } from '../http/transport.ts';
import { type Environment, readSettingsFile, variable } from './environment.ts';

/** Certificates for one registry (containers-certs.d(5)): CAs to trust, and our own with its key. */
export interface HostCertificates {
  readonly ca: readonly string[];
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

async function listDirectory(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).sort();
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw new SdmeError('config.invalid', `cannot read ${directory}`, { cause: error });
  }
}

async function readDirectory(directory: string): Promise<HostCertificates | undefined> {
  const names = await listDirectory(directory);
  const read = async (name: string): Promise<string> => (await readSettingsFile(join(directory, name))) ?? '';
  const ca = await Promise.all(names.filter((name) => name.endsWith('.crt')).map(read));
  const certName = names.find((name) => name.endsWith('.cert'));
  if (ca.length === 0 && certName === undefined) return undefined;
  if (certName === undefined) return { ca, cert: undefined, key: undefined };
  const keyName = certName.replace(/\.cert$/, '.key');
  if (!names.includes(keyName)) {
    throw new SdmeError(
      'config.invalid',
      `${join(directory, certName)} has no key beside it; add ${keyName}`,
    );
  }
  return { ca, cert: await read(certName), key: await read(keyName) };
}

/** The certificates for `host[:port]`: the first of the certs.d directories that has any. @throws SdmeError `config.invalid` */
export async function loadCertificates(
  registry: string,
  environment: Environment,
  roots: readonly string[] = ['/etc/containers/certs.d', '/etc/docker/certs.d'],
): Promise<HostCertificates | undefined> {
  const home = variable(environment, 'HOME');
  const own = home === undefined ? [] : [join(home, '.config/containers/certs.d')];
  for (const root of [...own, ...roots]) {
    const found = await readDirectory(join(root, registry));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Makes TLS settings; a context with the same certificates is made once. */
export function openTlsContexts(): (host: HostCertificates | undefined, verify: boolean) => TlsSettings {
  const contexts = new Map<string, SecureContext>();
  const contextFor = (id: string, host: HostCertificates | undefined): SecureContext => {
    const known = contexts.get(id);
    if (known !== undefined) return known;
    let made: SecureContext;
    try {
      made = createSecureContext({
        ca: [...getCACertificates('default'), ...getCACertificates('system'), ...(host?.ca ?? [])],
        ...(host?.cert === undefined ? {} : { cert: host.cert, key: host.key }),
      });
    } catch (error) {
      throw new SdmeError('config.invalid', 'a certificate or key in certs.d cannot be used', {
        cause: error,
      });
    }
    contexts.set(id, made);
    return made;
  };
  return (host, verify) => {
    const id = createHash('sha256')
      .update(JSON.stringify(host ?? null))
      .digest('hex');
    return { context: contextFor(id, host), id, verify };
  };
}
