import type { InputOf, ResultOf } from '../src/contracts/index.ts';
import { setLimits } from '../src/nspawn/index.ts';
import type { Handler } from './deps.ts';

/** Replaces the limits of a container. */
export const handleContainerSet: Handler<InputOf<'container.set'>, ResultOf<'container.set'>> = setLimits;
