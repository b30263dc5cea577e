import type { Context } from '../../base/context.ts';
import type { FsImportInput } from '../../contracts/fs-import.ts';
import type { ImportStore } from '../store.ts';

/** One import under way. */
export interface ImportWork {
  readonly ctx: Context;
  readonly store: ImportStore;
  readonly input: FsImportInput;
  /** The tree to fill; in its staging directory until the commit. */
  readonly tree: string;
  /** Directory for files that are needed only while the import runs. */
  readonly scratch: () => Promise<string>;
}
