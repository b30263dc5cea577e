import { access, constants } from 'node:fs/promises';
import { SdmeError } from '../../base/errors.ts';
import { plainEnvironment } from './run.ts';

/** The absolute path of a program, as unit files need it. @throws SdmeError `system.unsupported` */
export async function findProgram(name: string): Promise<string> {
  // /usr first: on merged systems /bin is a link, and units should name the real place.
  const directories = ['/usr/bin', '/usr/sbin', ...(plainEnvironment.PATH ?? '').split(':')];
  for (const directory of directories) {
    const path = `${directory}/${name}`;
    try {
      await access(path, constants.X_OK);
      return path;
    } catch {
      // Not here: the next directory may have it.
    }
  }
  throw new SdmeError('system.unsupported', `${name} was not found; install the package that has it`);
}
