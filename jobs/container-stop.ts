import type { InputOf, ResultOf } from '../src/contracts/index.ts';
import { stopContainer } from '../src/nspawn/index.ts';
import type { Handler } from './deps.ts';

/** Shuts a container down and waits until nothing of it runs. */
export const handleContainerStop: Handler<
  InputOf<'container.stop'>,
  ResultOf<'container.stop'>
> = stopContainer;
