import type { InputOf, ResultOf } from '../src/contracts/index.ts';
import { removeRootfs } from '../src/rootfs/index.ts';
import type { Handler } from './deps.ts';

/** Removes a rootfs that no container uses. */
export const handleFsRm: Handler<InputOf<'fs.rm'>, ResultOf<'fs.rm'>> = (ctx, { name }, deps) =>
  removeRootfs(ctx, deps, name);
