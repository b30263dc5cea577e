import type { z } from 'zod';
import { SdmeError } from '../../base/errors.ts';
import { contracts, type InputOf } from '../../contracts/index.ts';
import { pickContainerName } from '../../nspawn/read-side.ts';
import { containerInput, type containerOptions } from '../parse/container-options.ts';
import { problemText } from '../parse/options.ts';
import type { Session } from '../session.ts';

type Options = z.output<z.ZodObject<typeof containerOptions>>;

/**
 * The checked input of `container.create` for what a person typed: the name is an operand, `--name`, or picked.
 * @throws SdmeError `usage` for two names, `input.invalid`
 */
export async function createInput(
  session: Session,
  operand: string | undefined,
  { name, ...options }: Options,
  more: { readonly started: boolean; readonly timeout?: number | undefined },
): Promise<InputOf<'container.create'>> {
  if (operand !== undefined && name !== undefined && operand !== name) {
    throw new SdmeError('usage', `two names for one container: '${operand}' and '${name}'`);
  }
  if ((process.umask() & 0o005) !== 0) {
    const umask = process.umask().toString(8).padStart(4, '0');
    throw new SdmeError(
      'state.conflict',
      `current umask (${umask}) strips read/execute from 'other'; run umask 022 first`,
    );
  }
  const parsed = contracts['container.create'].input.safeParse({
    ...containerInput(options),
    name: operand ?? name ?? (await pickContainerName(await session.layout())),
    started: more.started,
    ...(more.timeout === undefined ? {} : { timeout: more.timeout }),
  });
  if (!parsed.success) throw new SdmeError('input.invalid', problemText(parsed.error));
  return parsed.data;
}
