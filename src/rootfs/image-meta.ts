import { hasNoncharacter } from '../base/noncharacters.ts';
import type { DistroFamily } from './distros.ts';

/** The parts of an image configuration that are kept beside the rootfs. */
export interface KeptConfig {
  readonly env: readonly (readonly [name: string, value: string])[];
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly workingDir: string;
  readonly user: string;
  readonly exposedPorts: readonly string[];
  readonly volumes: readonly string[];
  readonly stopSignal: string;
}

/** Lists are JSON: an argument may hold spaces, commas and line breaks, and a meta value is a single line. */
function list(values: readonly string[]): string {
  return values.length === 0 ? '' : JSON.stringify(values);
}

/**
 * The values of `fs/.NAME.meta` (contract 2.1): the distribution family and, for an image, what its
 * configuration says. Empty values are left out. `OCI_ENTRYPOINT`, `OCI_CMD`, `OCI_PORTS` and `OCI_VOLUMES`
 * are JSON arrays of strings.
 */
export function rootfsMeta(family: DistroFamily, config?: KeptConfig): Map<string, string> {
  const values: readonly (readonly [string, string])[] = [
    ['DISTRO', family],
    ['OCI_ENTRYPOINT', list(config?.entrypoint ?? [])],
    ['OCI_CMD', list(config?.cmd ?? [])],
    ['OCI_WORKDIR', config?.workingDir ?? ''],
    ['OCI_USER', config?.user ?? ''],
    ['OCI_PORTS', list(config?.exposedPorts ?? [])],
    ['OCI_VOLUMES', list(config?.volumes ?? [])],
    ['OCI_STOP_SIGNAL', config?.stopSignal ?? ''],
  ];
  return new Map(values.filter(([, value]) => value !== ''));
}

/**
 * The text of `fs/.NAME.env`: the image's environment as an environment file (systemd.exec(5),
 * EnvironmentFile=). Values are in double quotes, so that one of several lines stays one value and nothing in
 * it is expanded. Names that systemd would refuse are left out and returned, and so are those whose values it would: of a
 * file with a noncharacter it takes nothing.
 */
export function environmentFile(env: KeptConfig['env']): { text: string; refused: string[] } {
  const refused: string[] = [];
  const lines: string[] = [];
  for (const [name, value] of env) {
    if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !value.includes('\0') && !hasNoncharacter(value)) {
      lines.push(`${name}="${value.replace(/[\\"$`]/g, '\\$&')}"\n`);
    } else {
      refused.push(name);
    }
  }
  return { text: lines.join(''), refused };
}
