import type { InputOf, ResultOf } from '../src/contracts/index.ts';
import { removeContainer } from '../src/nspawn/index.ts';
import type { Handler } from './deps.ts';

/** Stops and removes a container. */
export const handleContainerRm: Handler<InputOf<'container.rm'>, ResultOf<'container.rm'>> = removeContainer;
