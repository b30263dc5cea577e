import type { InputOf, ResultOf } from '../src/contracts/index.ts';
import { startContainer } from '../src/nspawn/index.ts';
import type { Handler } from './deps.ts';

/** Boots a container and waits until it is up. */
export const handleContainerStart: Handler<
  InputOf<'container.start'>,
  ResultOf<'container.start'>
> = startContainer;
