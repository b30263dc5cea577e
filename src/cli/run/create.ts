import type { z } from 'zod';
import { SdmeError } from '../../base/errors.ts';
import { contracts, type InputOf } from '../../contracts/index.ts';
import { pickContainerName, requireSystemd } from '../../nspawn/read-side.ts';
import { containerInput, type containerOptions } from '../parse/container-options.ts';
import { problemText } from '../parse/options.ts';
import type { Session } from '../session.ts';

type Options = z.output<z.ZodObject<typeof containerOptions>>;

/**
 * The checked input of `container.create` for what a person typed: the name is an operand, `--name`, or picked.
 * @throws SdmeError `usage` for two names, `input.invalid`, `state.conflict` for a umask that locks others out,
 * `system.unsupported`
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
  if (options.networkBridge !== undefined && options.networkZone !== undefined) {
    throw new SdmeError('usage', '--network-bridge and --network-zone exclude each other');
  }
  const given = operand ?? name;
  const parsed = contracts['container.create'].input.safeParse({
    ...containerInput(options),
    name: given ?? 'unnamed',
    started: more.started,
    ...(more.timeout === undefined ? {} : { timeout: more.timeout }),
  });
  if (!parsed.success) throw new SdmeError('input.invalid', problemText(parsed.error));
  if ((process.umask() & 0o005) !== 0) {
    const umask = process.umask().toString(8).padStart(4, '0');
    throw new SdmeError(
      'state.conflict',
      `current umask (${umask}) strips read/execute from 'other'; run umask 022 first`,
    );
  }
  await requireSystemd();
  if (given !== undefined) return parsed.data;
  return { ...parsed.data, name: await pickContainerName(await session.layout()) };
}
