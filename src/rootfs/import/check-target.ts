import { SdmeError } from '../../base/errors.ts';
import type { Layout } from '../../base/paths.ts';
import { noBase, rootfsExists } from '../store.ts';
import { checkUnused } from '../usage.ts';

/** Refuses a name that is taken, unless it may be replaced and nothing uses it. @throws SdmeError `exists`, `in-use` */
export async function checkName(
  layout: Layout,
  { name, force }: { readonly name: string; readonly force: boolean },
): Promise<void> {
  if (!(await rootfsExists(layout, name))) return;
  if (!force) {
    throw new SdmeError(
      'exists',
      `fs already exists: ${name}; use --force to replace it or --name <name> to import separately`,
      { facts: { name } },
    );
  }
  await checkUnused(layout, name);
}

/** @throws SdmeError `not-found` when the rootfs for an application is not there */
export async function checkBase(layout: Layout, baseFs: string): Promise<void> {
  if (!(await rootfsExists(layout, baseFs))) throw noBase(baseFs);
}
