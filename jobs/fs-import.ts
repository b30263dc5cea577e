import type { InputOf, ResultOf } from '../src/contracts/index.ts';
import { importRootfs } from '../src/rootfs/index.ts';
import type { Handler } from './deps.ts';

/** Imports a source into the store as a rootfs. */
export const handleFsImport: Handler<InputOf<'fs.import'>, ResultOf<'fs.import'>> = (ctx, input, deps) =>
  importRootfs(ctx, deps, input);
