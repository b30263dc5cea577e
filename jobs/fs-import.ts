import type { InputOf, ResultOf } from '../src/contracts/index.ts';
import { importRootfs } from '../src/rootfs/index.ts';
import { applicationName, placeApplication } from '../src/workload/index.ts';
import type { Handler } from './deps.ts';

/** Imports a source into the store as a rootfs; an OCI application becomes a service on its base rootfs. */
export const handleFsImport: Handler<InputOf<'fs.import'>, ResultOf<'fs.import'>> = (ctx, input, deps) =>
  importRootfs(ctx, deps, input, { name: applicationName, place: placeApplication });
