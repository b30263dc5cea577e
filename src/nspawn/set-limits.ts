import type { Context } from '../base/context.ts';
import type { ContainerSetInput } from '../contracts/index.ts';
import { connectBus } from '../system/systemd/bus.ts';
import { unitState } from '../system/systemd/units.ts';
import type { ContainerDeps } from './deps.ts';
import { readRecord, writeRecord } from './state-file.ts';
import { unitName } from './template-unit.ts';
import { applyLimits } from './unit-files.ts';

/**
 * Replaces the whole set of a container's limits; what is absent is cleared. A running container gets them at its
 * next start (contract 1.5). @throws SdmeError `not-found`, `dbus`, `io`
 */
export async function setLimits(
  ctx: Context,
  input: ContainerSetInput,
  { layout }: ContainerDeps,
): Promise<{ name: string; running: boolean }> {
  const { name } = input;
  const before = await readRecord(layout, name);
  if (input.disk !== undefined) {
    ctx.log.warn('warning: --disk has no effect on overlay storage and is not stored');
  }
  const record = { ...before, MEMORY: input.memory, CPUS: input.cpus, CPU_WEIGHT: input.cpuWeight };
  await writeRecord(layout, record);
  await using bus = await connectBus(ctx);
  await applyLimits(bus, record, ctx);
  const { activeState } = await unitState(bus, unitName(name), ctx);
  const running = activeState === 'active' || activeState === 'activating';
  if (running) ctx.log.info(`note: container '${name}' is running; restart for limits to take effect`);
  return { name, running };
}
