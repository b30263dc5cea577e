import { z } from 'zod';
import { absoluteSource, contracts, type InputOf, inferRootfsName } from '../../contracts/index.ts';
import { defined, parseInput } from './options.ts';

/** The values of `importOptionSpecs` as commander gives them. */
export const importOptions = {
  force: z.boolean().optional(),
  installPackages: z.enum(['auto', 'yes', 'no']).optional(),
  ociMode: z.enum(['auto', 'base', 'app']).optional(),
  baseFs: z.string().optional(),
  /** `--no-cache` makes it false. */
  cache: z.boolean().default(true),
  platform: z.string().optional(),
};
export type ImportOptions = z.output<z.ZodObject<typeof importOptions>>;

/**
 * The checked input of `fs.import`. @param cwd where relative paths begin
 * @throws SdmeError `input.invalid`
 */
export function importInput(
  source: string,
  name: string | undefined,
  { cache, ...options }: ImportOptions,
  cwd: string,
): InputOf<'fs.import'> {
  return parseInput(contracts['fs.import'].input, {
    source: absoluteSource(source, cwd),
    name: name ?? inferRootfsName(source),
    noCache: !cache,
    ...defined(options),
  });
}
