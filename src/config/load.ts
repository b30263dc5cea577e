import { readFile } from 'node:fs/promises';
import { parse } from 'smol-toml';
import type { z } from 'zod';
import { SdmeError } from '../base/errors.ts';
import { type Layout, layoutOf } from '../base/paths.ts';
import { type Settings, settingsSchema } from './schema.ts';

/** The default configuration file. */
export const defaultConfigFile = '/etc/sdme.conf';

/** What is wrong with which key, on one line. */
function problems(error: z.ZodError): string {
  return error.issues
    .map(({ path, message }) => (path.length === 0 ? message : `${path.join('.')}: ${message}`))
    .join('; ');
}

/** Settings from a parsed TOML document; absent keys get their defaults. @throws SdmeError `config.invalid` naming every key */
export function parseSettings(document: unknown, origin: string): Settings {
  const parsed = settingsSchema.safeParse(document);
  if (!parsed.success) {
    throw new SdmeError('config.invalid', `${origin} is not valid: ${problems(parsed.error)}`);
  }
  return Object.freeze(parsed.data);
}

/** What the environment may set. */
const settingOfVariable: Readonly<Record<string, keyof Settings>> = {
  SDME_REDIS_URL: 'queue_url',
  SDME_DATADIR: 'datadir',
  SDME_RUNDIR: 'rundir',
  SDME_HOST_ID: 'host_id',
};

/**
 * The settings of a file, with what the environment says on top: `SDME_REDIS_URL` is `queue_url`,
 * `SDME_DATADIR` and `SDME_RUNDIR` the directories, `SDME_HOST_ID` the host. A missing default file means all
 * defaults; a missing file that was named is an error. @throws SdmeError `config.invalid`
 */
export async function loadSettings(
  file: string | undefined,
  environment: NodeJS.ProcessEnv,
): Promise<Settings> {
  const path = file ?? environment.SDME_CONFIG ?? defaultConfigFile;
  let document: Record<string, unknown> = {};
  try {
    document = { ...parse(await readFile(path, 'utf8')) };
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (!missing || path !== defaultConfigFile) {
      throw new SdmeError('config.invalid', `cannot read the configuration ${path}`, { cause: error });
    }
  }
  for (const [variable, key] of Object.entries(settingOfVariable)) {
    const value = environment[variable];
    if (value === undefined || value === '') continue;
    parseSettings({ [key]: value }, variable);
    document[key] = value;
  }
  return parseSettings(document, path);
}

/** The layout that settings ask for. */
export function layoutFor(settings: Settings): Layout {
  return layoutOf(
    settings.datadir,
    settings.rundir,
    settings.oci_cache_dir === '' ? undefined : settings.oci_cache_dir,
  );
}
