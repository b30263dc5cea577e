import { stat } from 'node:fs/promises';
import type { Context, JobContext } from '../base/context.ts';
import { SdmeError } from '../base/errors.ts';
import type { ContainerStartInput, ContainerStartResult } from '../contracts/index.ts';
import { unmountAtOrBelow } from '../system/mounts.ts';
import { type Bus, connectBus } from '../system/systemd/bus.ts';
import { resetFailedUnit, startUnit, unitState } from '../system/systemd/units.ts';
import { requireApparmorProfile } from './apparmor.ts';
import { demandPlainBinds } from './application-binds.ts';
import { lowerDirectory } from './arguments.ts';
import { rehearseBinds } from './bind-mapping.ts';
import { demandPlainSources } from './bind-sources.ts';
import { waitForBoot } from './boot-wait.ts';
import { requireBridge } from './bridge.ts';
import type { ContainerDeps } from './deps.ts';
import { logJournalTail } from './journal-tail.ts';
import { demandPlainTree } from './link-guard.ts';
import { clearNspawnLeftovers } from './nspawn-leftovers.ts';
import { refuseNamesake } from './own-machine.ts';
import { ensurePreshift } from './preshift.ts';
import type { ContainerRecord } from './record.ts';
import { readRecord } from './state-file.ts';
import { awaitStopUnderWay, endUnit } from './stop-container.ts';
import { prepareSubmounts } from './submount-layers.ts';
import { demandSystemd } from './systemd-floor.ts';
import { unitName } from './template-unit.ts';
import { removeUnits, writeUnits } from './unit-files.ts';
import { settleUserConflict } from './user-conflict.ts';
import { makeContainerStore, setLayerModes } from './write-layer.ts';

async function requireLower(record: ContainerRecord, { layout }: ContainerDeps): Promise<void> {
  const lower = lowerDirectory(record, layout.rootfsDir);
  try {
    await stat(lower);
  } catch (cause) {
    throw new SdmeError('not-found', `fs not found: ${lower}`, { cause });
  }
}

/** Everything a start needs on disk, from the record as it is now. */
async function prepare(
  ctx: JobContext,
  bus: Bus,
  found: ContainerRecord,
  deps: ContainerDeps,
): Promise<void> {
  const containerDir = deps.layout.containerDir(found.NAME);
  await requireLower(found, deps);
  await requireBridge(found);
  if (found.APPARMOR_PROFILE !== undefined) await requireApparmorProfile(found.APPARMOR_PROFILE);
  await refuseNamesake(bus, found.NAME, ctx);
  // A host that crashed or a unit that was killed leaves its mounts, and others must not cover them.
  await unmountAtOrBelow(containerDir, ctx);
  await clearNspawnLeftovers(found.NAME, ctx);
  const record = await settleUserConflict(ctx, bus, found, deps);
  demandPlainBinds(record, [`${containerDir}/upper`, lowerDirectory(record, deps.layout.rootfsDir)]);
  await demandPlainSources(record, deps.layout);
  await rehearseBinds(ctx, record);
  await ensurePreshift(ctx, record, deps);
  await makeContainerStore(deps.layout);
  await setLayerModes(containerDir);
  const submounts = await prepareSubmounts(record, deps);
  await demandPlainTree(record, deps.layout, submounts);
  await writeUnits(bus, record, submounts, deps, ctx);
}

/** A unit that systemd would not even begin to start gets no drop-ins, unless it must start at the next boot. */
async function requestStart(ctx: Context, bus: Bus, record: ContainerRecord): Promise<void> {
  const unit = unitName(record.NAME);
  await resetFailedUnit(bus, unit, ctx);
  try {
    await startUnit(bus, unit, ctx);
  } catch (error) {
    if (record.ENABLED !== 'yes') await removeUnits(bus, record.NAME, {});
    throw error;
  }
}

/** What happened while the caller waited and gave up: the container must not be left half booted. */
async function undoStart(
  ctx: Context,
  bus: Bus,
  record: ContainerRecord,
  deps: ContainerDeps,
): Promise<void> {
  const reason: unknown = ctx.signal.reason;
  // A job that goes back to the queue is run again and finds the boot where it is.
  if (reason instanceof SdmeError && reason.code === 'job.handed-back') return;
  ctx.log.warn(`boot interrupted, stopping '${record.NAME}'`);
  await endUnit(bus, record.NAME, deps.settings.stop_timeout_terminate);
}

async function awaitBoot(
  ctx: Context,
  bus: Bus,
  record: ContainerRecord,
  deps: ContainerDeps,
  timeoutSeconds: number,
): Promise<void> {
  const name = record.NAME;
  try {
    const outcome = await waitForBoot(bus, {
      container: name,
      foreignUsers: record.USERNS !== undefined,
      timeoutMs: timeoutSeconds * 1000,
      signal: ctx.signal,
    });
    if (outcome === 'up') return;
    if (outcome === 'timed-out') {
      throw new SdmeError(
        'container.boot-timeout',
        `container '${name}' is still starting but sdme timed out after ${timeoutSeconds} s; it was left running, see 'sdme logs ${name}'`,
        { facts: { container: name, seconds: timeoutSeconds } },
      );
    }
  } catch (error) {
    if (ctx.signal.aborted) await undoStart(ctx, bus, record, deps);
    throw error;
  }
  ctx.log.error(`boot failed, stopping '${name}'`);
  await endUnit(bus, name, deps.settings.stop_timeout_terminate);
  await logJournalTail(ctx, name);
  throw new SdmeError(
    'container.boot-failed',
    `container '${name}' failed to boot; its journal is in the log`,
    {
      facts: { container: name },
    },
  );
}

/**
 * Boots a container and waits until its inner bus answers (contract 1.5, 3.9). One that runs already is left as
 * it is, one that is being shut down is booted after that. A cancelled start stops what it started; a timeout leaves
 * it running and fails.
 *
 * @throws SdmeError `not-found`, `container.boot-failed`, `container.boot-timeout`, `system.unsupported`, `dbus`
 */
export async function startContainer(
  ctx: JobContext,
  input: ContainerStartInput,
  deps: ContainerDeps,
): Promise<ContainerStartResult> {
  const record = await readRecord(deps.layout, input.name);
  await using bus = await connectBus(ctx);
  await demandSystemd(bus, ctx);
  const found = await unitState(bus, unitName(input.name), ctx);
  const isStopping = found.activeState === 'deactivating';
  // Its bus still answers, and what is mounted is still in use.
  const activeState = isStopping ? await awaitStopUnderWay(bus, input.name, deps, ctx) : found.activeState;
  if (activeState === 'active' || activeState === 'reloading') {
    return { name: input.name, alreadyRunning: true, bootMs: 0 };
  }
  const begun = performance.now();
  if (activeState !== 'activating') {
    ctx.progress.step('prepare');
    await prepare(ctx, bus, record, deps);
    await requestStart(ctx, bus, record);
  }
  ctx.progress.step('boot');
  await awaitBoot(ctx, bus, record, deps, input.timeout ?? deps.settings.boot_timeout);
  return { name: input.name, alreadyRunning: false, bootMs: Math.round(performance.now() - begun) };
}
