import type { InputOf, ResultOf } from '../src/contracts/index.ts';
import { requireSystemd } from '../src/nspawn/index.ts';
import { importRootfs } from '../src/rootfs/index.ts';
import { applicationName, placeApplication } from '../src/workload/index.ts';
import type { Handler } from './deps.ts';

/**
 * Imports a source into the store as a rootfs; an OCI application becomes a service on its base rootfs. A store can
 * be filled where nothing boots, as in a build of an image, but not where systemd is too old.
 */
export const handleFsImport: Handler<InputOf<'fs.import'>, ResultOf<'fs.import'>> = async (
  ctx,
  input,
  deps,
) => {
  await requireSystemd({ orNone: true });
  return importRootfs(ctx, deps, input, { name: applicationName, place: placeApplication });
};
