import type { Context } from '../../base/context.ts';
import type { FsImportInput } from '../../contracts/fs-import.ts';
import type { KeptConfig } from '../image-meta.ts';
import type { ImportStore } from '../store.ts';

/** One import under way. */
export interface ImportWork {
  readonly ctx: Context;
  readonly store: ImportStore;
  readonly input: FsImportInput;
  /** Absent where only base systems are imported. */
  readonly applications: Applications | undefined;
  /** The tree to fill; in its staging directory until the commit. */
  readonly tree: string;
  /** Directory for files that are needed only while the import runs. */
  readonly scratch: () => Promise<string>;
}

/** What makes a service of an application in a rootfs; the room that runs applications has it. */
export interface Applications {
  /** Its name, by the image's repository if it has one, or by the rootfs' name. */
  name(repository: string | undefined, rootfs: string): string;
  /** Adds the application, unpacked at `oci/apps/<name>/root` of `tree`. */
  place(
    ctx: Context,
    tree: string,
    image: { readonly name: string; readonly reference: string; readonly config: KeptConfig },
  ): void;
}
