import { preshiftContainer } from '../src/nspawn/index.ts';
import type { ContainerHandler } from './container-handler.ts';

/** Gives a container's files to the users of its namespace. */
export const handleUidPreshift: ContainerHandler<'uid.preshift'> = (ctx, input, deps) =>
  preshiftContainer(ctx, input, deps);
