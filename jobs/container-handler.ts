import type { JobContext } from '../src/base/context.ts';
import type { InputOf, JobKind, ResultOf } from '../src/contracts/index.ts';
import type { ContainerDeps } from '../src/nspawn/index.ts';

/** A handler of a container's job: of what a worker gives it needs the layout and the settings only. */
export type ContainerHandler<Kind extends JobKind> = (
  ctx: JobContext,
  input: InputOf<Kind>,
  deps: ContainerDeps,
) => Promise<ResultOf<Kind>>;
