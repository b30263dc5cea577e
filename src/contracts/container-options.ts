import { SdmeError } from '../base/errors.ts';
import { hasNoncharacter } from '../base/noncharacters.ts';

function invalid(message: string): SdmeError {
  return new SdmeError('input.invalid', message);
}

/** An absolute path without `..` whose text fits on one line of a state file and in one unit-file argument. */
function isPlainPath(path: string): boolean {
  return path.startsWith('/') && !path.split('/').includes('..') && !/[\0\r\n]/.test(path);
}

/** A bind mount: a path of the host shown at a path of the container. */
export interface Bind {
  readonly host: string;
  readonly container: string;
  readonly mode: 'rw' | 'ro';
}

/**
 * The parts of `HOST:CONT[:ro|rw]` (contract 1.2). That the host path exists is checked on the host.
 * @throws SdmeError `input.invalid`
 */
export function parseBind(text: string): Bind {
  const [host, container, mode = 'rw', ...rest] = text.split(':');
  const fits =
    host !== undefined && container !== undefined && (mode === 'ro' || mode === 'rw') && rest.length === 0;
  if (
    !fits ||
    text.includes('|') ||
    !isPlainPath(host) ||
    !isPlainPath(container) ||
    /^\/+$/.test(container)
  ) {
    throw invalid(
      `invalid bind format: ${JSON.stringify(text)}; expected HOST:CONT[:ro|rw] with absolute paths without '..', ':' or '|'`,
    );
  }
  return { host, container, mode };
}

/** A bind mount that is asked for, in the form of state files. @throws SdmeError `input.invalid`, also for what no unit can hold */
export function parseNewBind(text: string): string {
  if (hasNoncharacter(text)) {
    throw invalid(`invalid bind ${JSON.stringify(text)}: it has a code point that is no character`);
  }
  return formatBind(parseBind(text));
}

/** A bind mount as state files and job inputs hold it. */
export function formatBind({ host, container, mode }: Bind): string {
  return `${host}:${container}:${mode}`;
}

/** An environment variable `KEY=VALUE`, as given (contract 1.2). */
export function parseEnv(text: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]*=/.test(text)) {
    throw invalid(`invalid environment variable ${JSON.stringify(text)}: expected KEY=VALUE`);
  }
  if (/[|\0\r\n]/.test(text)) {
    throw invalid(
      `invalid environment variable ${JSON.stringify(text)}: the value must be on one line, without '|'`,
    );
  }
  if (hasNoncharacter(text)) {
    throw invalid(
      `invalid environment variable ${JSON.stringify(text)}: the value has a code point that is no character`,
    );
  }
  return text;
}

function parsePortNumber(text: string, side: 'host' | 'container'): number {
  if (!/^[0-9]{1,5}$/.test(text) || Number(text) > 65_535) {
    throw invalid(`invalid ${side} port: ${JSON.stringify(text)}`);
  }
  if (Number(text) === 0) throw invalid(`port 0 is not allowed: ${JSON.stringify(text)}`);
  return Number(text);
}

/**
 * A forwarded port in nspawn's form `tcp:8080:80`, from that form or from `8080:80[/tcp|udp]` (contract 1.2).
 * @throws SdmeError `input.invalid`
 */
export function parsePort(text: string): string {
  const [rules = '', suffix, ...more] = text.split('/');
  const parts = rules.split(':');
  const prefixed = /^[^0-9]/.test(parts[0] ?? '') ? parts.shift() : undefined;
  if (
    more.length > 0 ||
    parts.length < 1 ||
    parts.length > 2 ||
    (prefixed !== undefined && suffix !== undefined)
  ) {
    throw invalid(
      `invalid port format: ${JSON.stringify(text)}; expected [tcp:|udp:]HOST[:CONT] or HOST:CONT[/tcp|udp]`,
    );
  }
  const protocol = (prefixed ?? suffix ?? 'tcp').toLowerCase();
  if (protocol !== 'tcp' && protocol !== 'udp') {
    throw invalid(`invalid port protocol: ${JSON.stringify(prefixed ?? suffix)}; use tcp or udp`);
  }
  const host = parsePortNumber(parts[0] ?? '', 'host');
  const container = parts[1] === undefined ? host : parsePortNumber(parts[1], 'container');
  return `${protocol}:${host}:${container}`;
}

/** The first host port that rules in nspawn's form have twice, e.g. `tcp:8080`; nspawn would refuse to start. */
export function duplicateHostPort(rules: readonly string[]): string | undefined {
  const hostPorts = rules.map((rule) => rule.slice(0, rule.lastIndexOf(':')));
  return hostPorts.find((port, index) => hostPorts.indexOf(port) !== index);
}

/** The name of a bridge (at most 15 characters, the kernel's IFNAMSIZ) or a zone (12: `vz-` is put before it). */
export function parseInterfaceName(kind: 'bridge' | 'zone', text: string): string {
  if (!/^[A-Za-z0-9_-]+$/.test(text) || text.includes('\n')) {
    throw invalid(
      `invalid network ${kind} ${JSON.stringify(text)}: it may only contain alphanumeric characters, '_' and '-'`,
    );
  }
  const longest = kind === 'bridge' ? 15 : 12;
  if (text.length > longest) {
    throw invalid(`invalid network ${kind} ${JSON.stringify(text)}: at most ${longest} characters`);
  }
  return text;
}

/** A directory of the rootfs that the container sees empty (contract 1.2). */
export function parseOpaqueDir(text: string): string {
  if (!text.startsWith('/') || /^\/+$/.test(text)) {
    throw invalid(`opaque directory must be an absolute path: ${JSON.stringify(text)}`);
  }
  if (text.split('/').includes('..')) {
    throw invalid(`opaque directory must not contain '..': ${JSON.stringify(text)}`);
  }
  if (/[,\0\r\n]/.test(text)) throw invalid(`opaque directory must not contain ',': ${JSON.stringify(text)}`);
  return text.replace(/\/+/g, '/').replace(/\/$/, '');
}

/** Opaque directories, each once. @throws SdmeError `input.invalid` */
export function parseOpaqueDirs(texts: readonly string[]): string[] {
  const dirs = texts.map(parseOpaqueDir);
  const twice = dirs.find((dir, index) => dirs.indexOf(dir) !== index);
  if (twice !== undefined) throw invalid(`duplicate opaque directory: ${twice}`);
  return dirs;
}

/** The name of a unit that is masked in the container (contract 1.2; characters of systemd.unit(5)). */
export function parseMaskedService(text: string): string {
  if (!/^[A-Za-z0-9:_.\\@-]+$/.test(text) || text.includes('..') || text === '.' || text.includes('\n')) {
    throw invalid(`invalid masked service name: ${JSON.stringify(text)}`);
  }
  return text;
}

/** Levels of systemd(1), `SYSTEMD_LOG_LEVEL`. */
export const systemdLogLevels = [
  'emerg',
  'alert',
  'crit',
  'err',
  'warning',
  'notice',
  'info',
  'debug',
] as const;

/** A log level of systemd. */
export function parseSystemdLogLevel(text: string): string {
  if (!systemdLogLevels.some((level) => level === text)) {
    throw invalid(
      `invalid systemd log level: ${JSON.stringify(text)}; use one of ${systemdLogLevels.join(' ')}`,
    );
  }
  return text;
}

/** When systemd restarts a container that ended. */
export type RestartPolicy = 'no' | 'on-failure';

/** A restart policy in systemd's or Kubernetes' spelling; `always` is refused, as `poweroff` inside would not end it. */
export function parseRestartPolicy(text: string): RestartPolicy {
  switch (text.toLowerCase().replace(/[-_]/g, '')) {
    case 'no':
    case 'never':
      return 'no';
    case 'onfailure':
      return 'on-failure';
    default:
      throw invalid(`invalid restart policy: ${JSON.stringify(text)}; use no or on-failure`);
  }
}

/** The items of a comma list, e.g. `--masked-services a,b`; blanks around them and empty ones go. */
export function splitCommaList(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}
