import type { InputOf, ResultOf } from '../src/contracts/index.ts';
import { collectGarbage } from '../src/rootfs/index.ts';
import type { Handler } from './deps.ts';

/** Removes what interrupted jobs left in the store. */
export const handleFsGc: Handler<InputOf<'fs.gc'>, ResultOf<'fs.gc'>> = (ctx, _input, deps) =>
  collectGarbage(ctx, deps);
