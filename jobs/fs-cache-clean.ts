import type { InputOf, ResultOf } from '../src/contracts/index.ts';
import type { Handler } from './deps.ts';

/** Removes blobs from the image cache; those that a running import holds stay. */
export const handleFsCacheClean: Handler<InputOf<'fs.cache.clean'>, ResultOf<'fs.cache.clean'>> = async (
  _ctx,
  { all },
  { images },
) => ({ ...(await images.store.clean(all)) });
