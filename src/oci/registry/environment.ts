import { readFile } from 'node:fs/promises';
import { SdmeError } from '../../base/errors.ts';
import { errorCode } from '../http/failures.ts';

/** The environment variables that say where registry settings lie; handed down, never read from the process here. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Most bytes of a settings file. */
const fileMaxSize = 1024 * 1024;

/** A settings file's text, or undefined when there is none. @throws SdmeError `config.invalid` */
export async function readSettingsFile(path: string): Promise<string | undefined> {
  try {
    const text = await readFile(path, 'utf8');
    if (text.length > fileMaxSize) throw new SdmeError('config.invalid', `${path} is larger than 1 MiB`);
    return text;
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    if (error instanceof SdmeError) throw error;
    throw new SdmeError('config.invalid', `cannot read ${path}`, { cause: error });
  }
}

/** A non-empty variable. */
export function variable(environment: Environment, name: string): string | undefined {
  const value = environment[name];
  return value === '' ? undefined : value;
}
