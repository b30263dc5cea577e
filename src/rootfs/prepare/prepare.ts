import type { Context } from '../../base/context.ts';
import { SdmeError } from '../../base/errors.ts';
import { ensureDirIn, existsIn, kindInNoFollow, readLinkIn, removeIn } from '../../system/fs/beneath.ts';
import { type DistroFamily, distroCommands } from '../distros.ts';
import { familyOfTree, missingParts } from '../inspect.ts';
import type { Store } from '../store.ts';
import { chrootEnvironment, runInTree } from './chroot.ts';
import { decidePreparation, stillMissing } from './policy.ts';
import { withHostResolver } from './resolv-conf.ts';

/** What the person who imports decided. */
export interface PreparationRequest {
  readonly installPackages: 'auto' | 'yes' | 'no';
  readonly force: boolean;
}

/** Makes the mount points of a tree real directories. @throws SdmeError `unpack.entry-invalid` */
function ensureMountPoints(tree: string): void {
  for (const name of ['proc', 'sys', 'dev']) {
    const kind = kindInNoFollow(tree, name);
    if (kind === undefined) ensureDirIn(tree, name);
    else if (kind !== 'directory') {
      throw new SdmeError(
        'unpack.entry-invalid',
        `/${name} of the rootfs is no directory, so no commands can run in it`,
      );
    }
  }
}

/** Runs the import commands of a family in the tree, one after the other. @throws SdmeError `process.failed` */
async function installPackages(
  ctx: Context,
  store: Store,
  tree: string,
  family: DistroFamily,
): Promise<void> {
  ensureMountPoints(tree);
  const commands = distroCommands(family, store.settings).import_prehook;
  const environment = chrootEnvironment(process.env);
  const item = ctx.progress.item('packages', { label: 'packages', unit: 'items', total: commands.length });
  await withHostResolver(tree, async () => {
    for (const command of commands) {
      ctx.log.info(`+ ${command}`);
      await runInTree(ctx, tree, command, environment);
      item.add(1);
    }
  });
  item.end();
}

/** Units that images mask and a container needs (contract 6.4). */
const unmasked = ['systemd-resolved.service', 'systemd-logind.service'] as const;

/** Where the configuration of logins lies; without one nobody can `join`. */
const loginFiles = ['etc/pam.d/login', 'usr/lib/pam.d/login', 'usr/etc/pam.d/login'] as const;

function unmaskServices(ctx: Context, tree: string): void {
  for (const unit of unmasked) {
    const path = `etc/systemd/system/${unit}`;
    if (readLinkIn(tree, path) !== '/dev/null') continue;
    removeIn(tree, path);
    ctx.log.info(`unmasked ${unit}`);
  }
}

/**
 * Makes a tree bootable: installs systemd and D-Bus where they are missing and the policy allows it, and takes
 * back masks that would break a container (contract 6.4). Trees of NixOS are left as they are.
 *
 * Packages bring code of the tree to run as root; see `runInTree` for what holds it.
 *
 * @throws SdmeError `rootfs.incomplete`, `process.failed`
 */
export async function prepareTree(
  ctx: Context,
  store: Store,
  tree: string,
  request: PreparationRequest,
): Promise<void> {
  const family = familyOfTree(tree);
  const hasCommands = distroCommands(family, store.settings).import_prehook.length > 0;
  const decision = decidePreparation({ missing: missingParts(tree), family, hasCommands, ...request });
  let installed = false;
  switch (decision.action) {
    case 'none':
      break;
    case 'warn':
      ctx.log.warn(decision.message);
      break;
    case 'install': {
      await installPackages(ctx, store, tree, family);
      installed = true;
      const missing = missingParts(tree);
      if (missing.length > 0) throw stillMissing(missing);
    }
  }
  if (family === 'nixos') return;
  unmaskServices(ctx, tree);
  if (installed || loginFiles.some((path) => existsIn(tree, path))) return;
  if (request.installPackages === 'yes' && hasCommands) await installPackages(ctx, store, tree, family);
  else ctx.log.warn('etc/pam.d/login not found in rootfs: `sdme join` may not be able to log in');
}
