import { randomBytes } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { parse, stringify } from 'smol-toml';
import { SdmeError } from '../base/errors.ts';
import { parseSettings } from './load.ts';
import { settingsSchema } from './schema.ts';

/** A setting's value from what a person typed, in the type its default has: `yes|no`, a number, or a text. */
function typedValue(key: string, text: string): string | number | boolean {
  const sample: unknown = Object.hasOwn(settingsSchema.shape, key)
    ? Reflect.get(parseSettings({}, 'the defaults'), key)
    : undefined;
  if (sample === undefined) throw new SdmeError('input.invalid', `unknown config key: ${key}`);
  switch (typeof sample) {
    case 'boolean':
      if (text === 'yes' || text === 'no') return text === 'yes';
      throw new SdmeError('input.invalid', `${key} takes yes or no`);
    case 'number':
      // Sizes are numbers once parsed, but texts such as `10G` in the file.
      return /^[0-9]+(\.[0-9]+)?$/.test(text) && !isSize(key) ? Number(text) : text;
    case 'string':
      return text;
    default:
      throw new SdmeError('input.invalid', `${key} has several values; edit the file`);
  }
}

function isSize(key: string): boolean {
  return parseable(key, '1K') && !parseable(key, 1);
}

function parseable(key: string, value: unknown): boolean {
  return settingsSchema.partial().safeParse({ [key]: value }).success;
}

/**
 * Puts one setting into a configuration file, mode 0600; a value equal to the default takes the key out. The file
 * is written beside and renamed. @throws SdmeError `input.invalid`, `config.invalid`
 */
export async function saveSetting(file: string, key: string, text: string): Promise<void> {
  const document = await readDocument(file);
  document[key] = typedValue(key, text);
  const settings = parseSettings(document, `${key} = ${text}`);
  const defaults = parseSettings({}, 'the defaults');
  if (Reflect.get(settings, key) === Reflect.get(defaults, key)) delete document[key];
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const handle = await open(temporary, 'wx', 0o600);
    try {
      await handle.writeFile(stringify(document));
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw new SdmeError('io', `cannot write ${file}`, { cause });
  }
}

async function readDocument(file: string): Promise<Record<string, unknown>> {
  try {
    return { ...parse(await readFile(file, 'utf8')) };
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return {};
    throw new SdmeError('config.invalid', `cannot read the configuration ${file}`, { cause });
  }
}
