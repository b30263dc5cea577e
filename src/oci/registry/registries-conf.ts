import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'smol-toml';
import { z } from 'zod';
import { SdmeError } from '../../base/errors.ts';
import { errorCode } from '../http/failures.ts';
import { type Environment, readSettingsFile, variable } from './environment.ts';

/** A `[[registry.mirror]]` table. */
export interface MirrorRule {
  readonly location: string;
  readonly insecure: boolean;
  readonly pull: 'all' | 'digest-only' | 'tag-only';
}

/** A `[[registry]]` table (containers-registries.conf(5), version 2). */
export interface RegistryRule {
  /** What references it is for: `host[:port][/path]`, or `*.domain`. */
  readonly prefix: string;
  readonly location: string;
  readonly insecure: boolean;
  readonly blocked: boolean;
  readonly mirrors: readonly MirrorRule[];
}

const flag = z.boolean().default(false);
const mirror = z.looseObject({
  location: z.string(),
  insecure: flag,
  'pull-from-mirror': z.enum(['all', 'digest-only', 'tag-only']).default('all'),
});
const registry = z.looseObject({
  prefix: z.string().optional(),
  location: z.string().optional(),
  insecure: flag,
  blocked: flag,
  'mirror-by-digest-only': flag,
  mirror: z.array(mirror).default([]),
});
const schema = z.looseObject({ registry: z.array(registry).default([]), registries: z.unknown().optional() });

function invalid(origin: string, problem: string): SdmeError {
  return new SdmeError('config.invalid', `${origin} ${problem}`);
}

function checkLocation(location: string, origin: string): string {
  const plain = location.replace(/\/+$/, '');
  if (plain === '' || plain.includes('://') || /[\s@]/.test(plain)) {
    throw invalid(origin, `has a location that is not host[:port][/path]: ${JSON.stringify(location)}`);
  }
  return plain;
}

/** Rules of one file's text. `unqualified-search-registries` is not used: short names are on docker.io. @throws SdmeError `config.invalid` */
export function parseRegistriesConf(text: string, origin: string): RegistryRule[] {
  let document: unknown;
  try {
    document = parse(text);
  } catch (error) {
    throw invalid(origin, `is not TOML: ${error instanceof Error ? error.message.split('\n')[0] : ''}`);
  }
  const parsed = schema.safeParse(document);
  if (!parsed.success) throw invalid(origin, `is not valid: ${z.prettifyError(parsed.error)}`);
  if (parsed.data.registries !== undefined) {
    throw invalid(origin, 'has the old version 1 tables [registries.*]; write them as [[registry]]');
  }
  return parsed.data.registry.map((rule): RegistryRule => {
    const prefix = rule.prefix ?? rule.location;
    if (prefix === undefined) throw invalid(origin, 'has a [[registry]] without prefix and location');
    const wildcard = prefix.startsWith('*.');
    if (wildcard && rule.location === undefined) {
      // Without a location a wildcard keeps the reference's own host.
      return {
        prefix,
        location: '',
        insecure: rule.insecure,
        blocked: rule.blocked,
        mirrors: mirrorsOf(rule, origin),
      };
    }
    return {
      prefix: checkLocation(prefix, origin),
      location: checkLocation(rule.location ?? prefix, origin),
      insecure: rule.insecure,
      blocked: rule.blocked,
      mirrors: mirrorsOf(rule, origin),
    };
  });
}

function mirrorsOf(rule: z.infer<typeof registry>, origin: string): MirrorRule[] {
  return rule.mirror.map((entry) => ({
    location: checkLocation(entry.location, origin),
    insecure: entry.insecure,
    pull: rule['mirror-by-digest-only'] ? 'digest-only' : entry['pull-from-mirror'],
  }));
}

/** Bytes of the name (without tag) that a rule's prefix covers; undefined when it is not for this name. */
function matchLength(prefix: string, name: string): number | undefined {
  const host = name.split('/')[0] ?? '';
  if (prefix.startsWith('*.')) {
    const bare = host.replace(/:[0-9]+$/, '');
    return bare.endsWith(prefix.slice(1)) ? host.length : undefined;
  }
  return name === prefix || name.startsWith(`${prefix}/`) ? prefix.length : undefined;
}

/** The rule for `registry/repository` with the longest prefix, and what of the name that prefix covers. */
export function findRule(
  rules: readonly RegistryRule[],
  name: string,
): { readonly rule: RegistryRule; readonly covered: number } | undefined {
  let best: { rule: RegistryRule; covered: number } | undefined;
  for (const rule of rules) {
    const covered = matchLength(rule.prefix, name);
    if (covered === undefined) continue;
    const exact = !rule.prefix.startsWith('*.');
    if (best === undefined || covered > best.covered || (covered === best.covered && exact))
      best = { rule, covered };
  }
  return best;
}

async function dropIns(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).filter((name) => name.endsWith('.conf')).sort();
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw new SdmeError('config.invalid', `cannot read ${directory}`, { cause: error });
  }
}

/**
 * Reads the rules that apply: the file `CONTAINERS_REGISTRIES_CONF` names and nothing else; or the person's own
 * `~/.config/containers/registries.conf`, or that of `/etc/containers`, with the drop-ins of `registries.conf.d`, where
 * the last rule for a prefix wins. @throws SdmeError `config.invalid`
 */
export async function loadRegistryRules(
  environment: Environment,
  etc = '/etc/containers',
): Promise<RegistryRule[]> {
  const named = variable(environment, 'CONTAINERS_REGISTRIES_CONF');
  if (named !== undefined) {
    const text = await readSettingsFile(named);
    if (text === undefined) throw invalid(named, 'does not exist (CONTAINERS_REGISTRIES_CONF)');
    return parseRegistriesConf(text, named);
  }
  const home = variable(environment, 'HOME');
  const rules = new Map<string, RegistryRule>();
  const add = async (path: string): Promise<boolean> => {
    const text = await readSettingsFile(path);
    for (const rule of text === undefined ? [] : parseRegistriesConf(text, path))
      rules.set(rule.prefix, rule);
    return text !== undefined;
  };
  const own = home === undefined ? false : await add(join(home, '.config/containers/registries.conf'));
  if (!own) await add(join(etc, 'registries.conf'));
  const directory = join(etc, 'registries.conf.d');
  for (const name of await dropIns(directory)) await add(join(directory, name));
  return [...rules.values()];
}
