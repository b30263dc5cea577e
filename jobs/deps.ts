import type { JobContext } from '../src/base/context.ts';
import type { Layout } from '../src/base/paths.ts';
import type { Settings } from '../src/config/schema.ts';
import type { InputOf, JobKind, ResultOf } from '../src/contracts/index.ts';
import type { Images } from '../src/oci/index.ts';

/** What a worker gives every handler beside its context and input. */
export interface JobDeps {
  readonly settings: Settings;
  readonly layout: Layout;
  /** The id of the host it runs on. */
  readonly host: string;
  /** The worker's image sources: opened once with `openImages`, closed when it ends. Jobs share their downloads. */
  readonly images: Images;
}

/**
 * Does the work of one kind of job. Converges: run twice, the same end state. When `ctx.signal` aborts it ends
 * its children and undoes its staging before it rejects.
 */
export type Handler<Input, Result> = (ctx: JobContext, input: Input, deps: JobDeps) => Promise<Result>;

/** One handler for every kind, so that a missing one does not compile. */
export type Handlers = { readonly [Kind in JobKind]: Handler<InputOf<Kind>, ResultOf<Kind>> };
