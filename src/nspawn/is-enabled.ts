import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { SdmeError } from '../base/errors.ts';
import { errnoOf } from '../system/failure.ts';
import { unitDirectory, unitName } from './template-unit.ts';

/** True when systemd starts the container at boot: the link that `[Install]` of the template asks for is there. */
export async function isEnabled(name: string): Promise<boolean> {
  const link = join(unitDirectory, 'multi-user.target.wants', unitName(name));
  try {
    await lstat(link);
    return true;
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return false;
    throw new SdmeError('io', `cannot look at ${link}`, { cause });
  }
}
