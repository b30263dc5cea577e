import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Context } from '../base/context.ts';
import { SdmeError } from '../base/errors.ts';
import type { Layout } from '../base/paths.ts';
import { removeTree } from '../system/fs/remove-tree.ts';
import { unmountAtOrBelow } from '../system/mounts.ts';
import { type Bus, connectBus } from '../system/systemd/bus.ts';
import { disableUnits } from '../system/systemd/unit-files.ts';
import { resetFailedUnit, stopUnit, unitState } from '../system/systemd/units.ts';
import type { ContainerDeps } from './deps.ts';
import { isEnabled } from './is-enabled.ts';
import { clearNspawnLeftovers } from './nspawn-leftovers.ts';
import { hasNamesake } from './own-machine.ts';
import { lookAtClaim, removeState } from './state-file.ts';
import { stopOn } from './stop-container.ts';
import { unitName } from './template-unit.ts';
import { removeUnits } from './unit-files.ts';

/**
 * Removes a stopped container's layers and then its name, so that an interruption leaves something that can be
 * removed again. Idempotent. @throws SdmeError `in-use` when something still works in its tree
 */
export async function removeContainerFiles(
  name: string,
  layout: Layout,
  options: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  const directory = layout.containerDir(name);
  try {
    await unmountAtOrBelow(directory, options);
  } catch (cause) {
    if (!(cause instanceof SdmeError) || cause.code !== 'in-use') throw cause;
    throw new SdmeError('in-use', `cannot remove container '${name}': in use`, {
      cause,
      facts: { container: name },
    });
  }
  await removeTree(directory, options);
  await removeState(layout, name);
}

async function stopForRemoval(ctx: Context, bus: Bus, name: string, deps: ContainerDeps): Promise<void> {
  const unit = unitName(name);
  if (await isEnabled(name)) await disableUnits(bus, [unit], ctx);
  const { activeState } = await unitState(bus, unit, ctx);
  if (activeState !== 'active' && activeState !== 'inactive') await stopUnit(bus, unit, ctx);
  await stopOn(bus, { name, mode: 'terminate' }, deps, ctx);
  await resetFailedUnit(bus, unit, ctx);
  if (!(await hasNamesake(bus, name, ctx))) await clearNspawnLeftovers(name, ctx);
}

async function keptVolumes(name: string, { layout }: ContainerDeps): Promise<string | undefined> {
  const path = join(layout.volumesDir, name);
  return stat(path).then(
    () => path,
    () => undefined,
  );
}

/**
 * Stops and removes a container, whatever state it or its record is in; keeps the data of its OCI volumes
 * (contract 1.5). @throws SdmeError `not-found`, `container.stop-timeout`, `in-use`, `dbus`, `io`
 */
export async function removeContainer(
  ctx: Context,
  { name }: { readonly name: string },
  deps: ContainerDeps,
): Promise<{ name: string; volumesKept?: string }> {
  if ((await lookAtClaim(deps.layout, name)) === 'free') {
    throw new SdmeError('not-found', `container does not exist: ${name}`);
  }
  await using bus = await connectBus(ctx);
  ctx.progress.step('stop');
  await stopForRemoval(ctx, bus, name, deps);
  ctx.progress.step('remove');
  // The name is given back last: until then the container can be removed again.
  await removeUnits(bus, name, ctx);
  await removeContainerFiles(name, deps.layout, ctx);
  const volumes = await keptVolumes(name, deps);
  if (volumes === undefined) return { name };
  ctx.log.info(`volume data retained at ${volumes}`);
  return { name, volumesKept: volumes };
}
