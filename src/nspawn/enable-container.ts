import type { Context } from '../base/context.ts';
import { type Bus, connectBus } from '../system/systemd/bus.ts';
import { disableUnits, enableUnits, reloadUnits } from '../system/systemd/unit-files.ts';
import type { ContainerDeps } from './deps.ts';
import { isEnabled } from './is-enabled.ts';
import type { ContainerRecord } from './record.ts';
import { readRecord, writeRecord } from './state-file.ts';
import { prepareSubmounts } from './submount-layers.ts';
import { unitName } from './template-unit.ts';
import { writeUnits } from './unit-files.ts';

/** At boot systemd starts the unit by itself, so its drop-ins must be there already. */
export async function enableUnit(
  ctx: Context,
  bus: Bus,
  record: ContainerRecord,
  deps: ContainerDeps,
): Promise<void> {
  await writeUnits(bus, record, await prepareSubmounts(record, deps), deps, ctx);
  await enableUnits(bus, [unitName(record.NAME)], ctx);
}

/** Makes a container start when the host boots, or no longer (contract 1.5). Idempotent. @throws SdmeError `not-found`, `dbus`, `io` */
export async function enableContainer(
  ctx: Context,
  { name, enabled }: { readonly name: string; readonly enabled: boolean },
  deps: ContainerDeps,
): Promise<{ name: string; enabled: boolean }> {
  const record = { ...(await readRecord(deps.layout, name)), ENABLED: enabled ? 'yes' : 'no' } as const;
  await using bus = await connectBus(ctx);
  if (enabled) {
    await enableUnit(ctx, bus, record, deps);
  } else if (await isEnabled(name)) {
    await disableUnits(bus, [unitName(name)], ctx);
  }
  await reloadUnits(bus, ctx);
  await writeRecord(deps.layout, record);
  return { name, enabled };
}
