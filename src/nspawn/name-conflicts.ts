import { join } from 'node:path';
import type { Context } from '../base/context.ts';
import { SdmeError } from '../base/errors.ts';
import type { Layout } from '../base/paths.ts';
import { pathExists } from '../system/fs/path-exists.ts';
import { readTextFile } from '../system/fs/replace-file.ts';
import type { Bus } from '../system/systemd/bus.ts';
import { getMachine } from '../system/systemd/machines.ts';
import { disableUnits } from '../system/systemd/unit-files.ts';
import { isEnabled } from './is-enabled.ts';
import { removeContainerFiles } from './remove-container.ts';
import { lookAtClaim } from './state-file.ts';
import { unitName } from './template-unit.ts';
import { removeUnits } from './unit-files.ts';

const machinesDir = '/var/lib/machines';

/** The file in a container's directory that says which job made it, so that the job knows its own work again. */
export function makerFile(layout: Layout, name: string): string {
  return join(layout.containerDir(name), 'made-by');
}

function taken(message: string, name: string): SdmeError {
  return new SdmeError('exists', `${message}: ${name}`, { facts: { container: name } });
}

/**
 * Refuses a name that is in use, and clears what an attempt that died left of it. The caller holds the lock of the
 * name, so an unfinished claim has no living maker.
 */
export async function clearName(ctx: Context, bus: Bus, name: string, layout: Layout): Promise<void> {
  const claim = await lookAtClaim(layout, name);
  if (claim === 'claimed') {
    ctx.log.info(`clearing what an interrupted attempt left of '${name}'`);
    if (await isEnabled(name)) await disableUnits(bus, [unitName(name)], ctx);
    await removeUnits(bus, name, ctx);
    await removeContainerFiles(name, layout);
  } else {
    if (await pathExists(layout.containerDir(name))) throw taken('container already exists', name);
    if (claim === 'container') throw taken('state file already exists for', name);
  }
  for (const path of [join(machinesDir, name), join(machinesDir, `${name}.raw`)]) {
    if (await pathExists(path)) throw taken(`conflicting machine found in ${machinesDir}`, name);
  }
  if ((await getMachine(bus, name, ctx)) !== undefined) {
    throw taken('a machine of that name is registered with systemd-machined', name);
  }
}

/** True when this very job made the container before, and only its answer was lost. */
export async function isOwnWork(ctx: Context, name: string, layout: Layout): Promise<boolean> {
  const made = (await lookAtClaim(layout, name)) === 'container';
  return made && (await readTextFile(makerFile(layout, name))) === ctx.jobId;
}
