import type { InputOf, ResultOf } from '../src/contracts/index.ts';
import { enableContainer } from '../src/nspawn/index.ts';
import type { Handler } from './deps.ts';

/** Makes a container start when the host boots. */
export const handleContainerEnable: Handler<InputOf<'container.enable'>, ResultOf<'container.enable'>> = (
  ctx,
  { name },
  deps,
) => enableContainer(ctx, { name, enabled: true }, deps);

/** Undoes it. */
export const handleContainerDisable: Handler<InputOf<'container.disable'>, ResultOf<'container.disable'>> = (
  ctx,
  { name },
  deps,
) => enableContainer(ctx, { name, enabled: false }, deps);
