import { join } from 'node:path';
import { z } from 'zod';
import { SdmeError } from '../../base/errors.ts';
import { askCredentialHelper } from './credential-helper.ts';
import { type Environment, readSettingsFile, variable } from './environment.ts';
import type { Credentials } from './login.ts';

const entrySchema = z.looseObject({
  auth: z.string().optional(),
  username: z.string().optional(),
  password: z.string().optional(),
  identitytoken: z.string().optional(),
});
const schema = z.looseObject({
  auths: z.record(z.string(), entrySchema).default({}),
  credHelpers: z.record(z.string(), z.string()).default({}),
  credsStore: z.string().optional(),
});
/** A parsed auth.json or docker config.json. */
export type AuthFile = z.infer<typeof schema>;

/** @throws SdmeError `oci.auth-invalid`; the message quotes nothing of the file */
export function parseAuthFile(text: string, path: string): AuthFile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new SdmeError('oci.auth-invalid', `${path} is not valid JSON`);
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new SdmeError('oci.auth-invalid', `${path} is not a credentials file`);
  return parsed.data;
}

/** A key of `auths` as host[/path]: docker writes some as URLs with an API version. */
function plainKey(key: string): string {
  return key
    .replace(/^https?:\/\//, '')
    .replace(/\/+$/, '')
    .replace(/\/v[12]$/, '');
}

/** Names under which a registry's credentials may be kept. */
function aliases(registry: string): readonly string[] {
  return registry === 'docker.io' ? ['docker.io', 'index.docker.io', 'registry-1.docker.io'] : [registry];
}

/** Keys that cover a repository, most specific first: `host/a/b`, `host/a`, `host` (containers-auth.json(5)). */
export function lookupKeys(registry: string, repository: string): string[] {
  const keys: string[] = [];
  const parts = repository.split('/');
  for (let count = parts.length; count >= 0; count -= 1) {
    for (const host of aliases(registry)) keys.push([host, ...parts.slice(0, count)].join('/'));
  }
  return keys;
}

function decodeEntry(entry: z.infer<typeof entrySchema>, key: string, path: string): Credentials | undefined {
  if (entry.identitytoken !== undefined && entry.identitytoken !== '') {
    return { kind: 'identity', token: entry.identitytoken };
  }
  if (entry.auth !== undefined && entry.auth !== '') {
    const text = Buffer.from(entry.auth, 'base64').toString('utf8');
    const colon = text.indexOf(':');
    if (colon < 1)
      throw new SdmeError('oci.auth-invalid', `the auth of ${key} in ${path} is not base64 of user:password`);
    return {
      kind: 'password',
      user: text.slice(0, colon),
      password: text.slice(colon + 1).replace(/\0+$/, ''),
    };
  }
  if (entry.username === undefined || entry.username === '') return undefined;
  return { kind: 'password', user: entry.username, password: entry.password ?? '' };
}

/** What a file has for a repository: credentials, a helper to ask, or nothing. */
export type AuthFinding =
  | { readonly kind: 'credentials'; readonly credentials: Credentials }
  | { readonly kind: 'helper'; readonly helper: string; readonly server: string };

/** Looks a repository up in one file: helpers of a key before its entry, the most specific key first, `credsStore` last. */
export function findInAuthFile(
  file: AuthFile,
  registry: string,
  repository: string,
  path: string,
): AuthFinding | undefined {
  const entries = new Map(Object.entries(file.auths).map(([key, entry]) => [plainKey(key), entry]));
  const helpers = new Map(Object.entries(file.credHelpers).map(([key, helper]) => [plainKey(key), helper]));
  const server = registry === 'docker.io' ? 'https://index.docker.io/v1/' : registry;
  for (const key of lookupKeys(registry, repository)) {
    const helper = helpers.get(key);
    if (helper !== undefined) return { kind: 'helper', helper, server };
    const entry = entries.get(key);
    const credentials = entry === undefined ? undefined : decodeEntry(entry, key, path);
    if (credentials !== undefined) return { kind: 'credentials', credentials };
  }
  const store = file.credsStore;
  return store === undefined || store === '' ? undefined : { kind: 'helper', helper: store, server };
}

/** Files that may hold credentials, first match wins (containers-auth.json(5)). */
export function authFiles(environment: Environment): string[] {
  const named = variable(environment, 'REGISTRY_AUTH_FILE');
  if (named !== undefined) return [named];
  const runtime = variable(environment, 'XDG_RUNTIME_DIR');
  const home = variable(environment, 'HOME');
  const config =
    variable(environment, 'XDG_CONFIG_HOME') ?? (home === undefined ? undefined : join(home, '.config'));
  const docker =
    variable(environment, 'DOCKER_CONFIG') ?? (home === undefined ? undefined : join(home, '.docker'));
  // A service has no runtime directory; logins of root lie in that of its sessions, or else in the first.
  const runtimes =
    runtime === undefined ? ['/run/containers/0', '/run/user/0/containers'] : [join(runtime, 'containers')];
  return [
    ...runtimes.map((directory) => join(directory, 'auth.json')),
    ...(config === undefined ? [] : [join(config, 'containers/auth.json')]),
    ...(docker === undefined ? [] : [join(docker, 'config.json')]),
  ];
}

/**
 * The credentials for a repository, or undefined when nobody has any. @throws SdmeError `oci.auth-invalid` for a
 * damaged file and for a helper that is missing, fails or hangs; no message holds a secret
 */
export async function findCredentials(
  registry: string,
  repository: string,
  environment: Environment,
  signal: AbortSignal,
): Promise<Credentials | undefined> {
  for (const path of authFiles(environment)) {
    const text = await readSettingsFile(path);
    if (text === undefined) continue;
    const found = findInAuthFile(parseAuthFile(text, path), registry, repository, path);
    if (found === undefined) continue;
    if (found.kind === 'credentials') return found.credentials;
    const answer = await askCredentialHelper(found.helper, found.server, environment, signal);
    if (answer !== undefined) return answer;
  }
  return undefined;
}
