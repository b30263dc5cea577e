import { SdmeError } from '../../base/errors.ts';
import { bareHost, isLoopback } from './addresses.ts';

/** Variables that may name proxies. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The value of a variable in lower or upper case, as curl reads them. */
function either(environment: Environment, name: string): string {
  return environment[name] || environment[name.toUpperCase()] || '';
}

/** Whether an entry of `no_proxy` covers the host: `*`, a name with all below it, an address; with or without a port. */
function covers(entry: string, url: URL): boolean {
  if (entry === '*') return true;
  const [, name = '', port = ''] = /^\*?\.?(\[[^\]]*\]|[^:]*|.*:.*:.*?)(?::(\d+))?$/.exec(entry) ?? [];
  if (name === '') return false;
  const ownPort = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
  if (port !== '' && port !== ownPort) return false;
  const host = bareHost(url.hostname).toLowerCase();
  const wanted = bareHost(name).toLowerCase();
  return host === wanted || host.endsWith(`.${wanted}`);
}

/**
 * The proxy that a URL is asked through: `https_proxy` or `http_proxy` by its scheme, else `all_proxy`, unless
 * `no_proxy` covers its host. Hosts on loopback are always asked directly.
 * @throws SdmeError `config.invalid` for a proxy that speaks neither http nor https
 */
export function proxyFor(url: URL, environment: Environment): URL | undefined {
  if (isLoopback(url.hostname)) return undefined;
  const name = url.protocol === 'https:' ? 'https_proxy' : 'http_proxy';
  const text = either(environment, name) || either(environment, 'all_proxy');
  if (text === '') return undefined;
  const exceptions = either(environment, 'no_proxy')
    .split(/[\s,]+/)
    .filter((entry) => entry !== '');
  if (exceptions.some((entry) => covers(entry, url))) return undefined;
  const full = text.includes('://') ? text : `http://${text}`;
  const proxy = URL.canParse(full) ? new URL(full) : undefined;
  if (proxy?.protocol === 'http:' || proxy?.protocol === 'https:') return proxy;
  throw new SdmeError(
    'config.invalid',
    `the environment's ${name} is no http or https proxy; unset it or name one`,
  );
}
