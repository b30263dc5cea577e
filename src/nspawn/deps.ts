import type { Layout } from '../base/paths.ts';
import type { Settings } from '../config/schema.ts';

/** What every verb of this room works on: where things lie and what the configuration says. */
export interface ContainerDeps {
  readonly layout: Layout;
  readonly settings: Settings;
}
