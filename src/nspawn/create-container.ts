import { join } from 'node:path';
import type { Context, JobContext } from '../base/context.ts';
import { SdmeError } from '../base/errors.ts';
import type { Layout } from '../base/paths.ts';
import type { ContainerCreateInput } from '../contracts/index.ts';
import { pathExists } from '../system/fs/path-exists.ts';
import { replaceFile } from '../system/fs/replace-file.ts';
import { type Bus, connectBus } from '../system/systemd/bus.ts';
import { disableUnits } from '../system/systemd/unit-files.ts';
import { unitState } from '../system/systemd/units.ts';
import { demandApartBinds } from './application-binds.ts';
import { rehearseBinds } from './bind-mapping.ts';
import { resolveBindSources } from './bind-sources.ts';
import { requireBridge } from './bridge.ts';
import type { ContainerDeps } from './deps.ts';
import { enableUnit } from './enable-container.ts';
import { type LayerFacts, planLayer } from './layer-plan.ts';
import { demandPlainTree } from './link-guard.ts';
import { clearName, isOwnWork, makerFile } from './name-conflicts.ts';
import { refuseNesting } from './nested-preflight.ts';
import { newRecord } from './new-record.ts';
import { type OciVolume, wireOciPorts, wireOciVolumes } from './oci-wiring.ts';
import { ensurePreshift } from './preshift.ts';
import { type ContainerRecord, hasInterface } from './record.ts';
import { removeContainerFiles } from './remove-container.ts';
import { gatherLayerFacts } from './rootfs-facts.ts';
import { demandPreshift } from './shift-pending.ts';
import { claimName, findRecord, writeRecord } from './state-file.ts';
import { deniedCalls } from './system-call-filters.ts';
import { demandSystemd } from './systemd-floor.ts';
import { unitName } from './template-unit.ts';
import { removeUnits } from './unit-files.ts';
import { giveLayerToUsers, settleUsers } from './user-namespace.ts';
import { makeVolumes } from './volume-directories.ts';
import { makeContainerStore, makeLayerDirectories, writeLayer } from './write-layer.ts';

/** A mask that takes `read` or `execute` from others would make files in containers unreadable (contract 1.4). */
function checkUmask(): void {
  const mask = process.umask();
  if ((mask & 0o005) === 0) return;
  throw new SdmeError(
    'state.conflict',
    `current umask (${mask.toString(8).padStart(4, '0')}) strips read/execute from 'other'; set it to 0022 and try again`,
  );
}

async function checkBinds(record: ContainerRecord): Promise<void> {
  for (const { host } of record.BINDS) {
    if (!(await pathExists(host))) {
      throw new SdmeError('not-found', `bind host path does not exist: ${host}`);
    }
  }
}

async function warnWithoutNetworkd(ctx: Context, bus: Bus, record: ContainerRecord): Promise<void> {
  if (!hasInterface(record)) return;
  const networkd = await unitState(bus, 'systemd-networkd.service', ctx);
  if (networkd.activeState !== 'active') {
    ctx.log.warn('warning: systemd-networkd is not running on the host; the container may get no address');
  }
}

/** Adds what the OCI applications of the rootfs declare. */
function wireApplications(
  record: ContainerRecord,
  facts: LayerFacts,
  input: ContainerCreateInput,
  layout: Layout,
): { record: ContainerRecord; volumes: readonly OciVolume[]; notes: readonly string[] } {
  if (input.ociEnvs.length > 0 && facts.applications.length === 0) {
    throw new SdmeError('input.invalid', '--oci-env requires an OCI app rootfs');
  }
  const ports = input.noOciPorts ? { ports: [], notes: [] } : wireOciPorts(record, facts.applications);
  const { volumes, notes } = input.noOciVolumes
    ? { volumes: [], notes: [] }
    : wireOciVolumes(record, facts.applications, layout.volumesDir);
  return {
    record: {
      ...record,
      PORTS: [...record.PORTS, ...ports.ports],
      BINDS: [...record.BINDS, ...volumes.map((volume) => volume.bind)],
      OCI_VOLUMES: volumes.map((volume) => volume.path),
    },
    volumes,
    notes: [...ports.notes, ...notes],
  };
}

/**
 * What comes after the record: files that no mount can map are given away, and only then may systemd start the
 * container by itself. May be done again.
 */
async function finish(
  ctx: JobContext,
  bus: Bus,
  record: ContainerRecord,
  deps: ContainerDeps,
  undo?: AsyncDisposableStack,
): Promise<void> {
  await ensurePreshift(ctx, record, deps);
  if (record.ENABLED !== 'yes') return;
  undo?.defer(() => removeUnits(bus, record.NAME, {}));
  undo?.defer(() => disableUnits(bus, [unitName(record.NAME)]));
  await enableUnit(ctx, bus, record, deps);
  ctx.log.info(`enabled '${record.NAME}' for auto-start on boot`);
}

/** The rootfs' directory, checked. */
async function requireRootfs(input: ContainerCreateInput, layout: Layout): Promise<string> {
  if (input.rootfs === undefined) return '/';
  const root = layout.rootfsDir(input.rootfs);
  if (!(await pathExists(root))) throw new SdmeError('not-found', `fs not found: ${root}`);
  return root;
}

/**
 * Makes a container (contract 1.4): its claim on the name, its layers, its record. Whatever fails or is cancelled
 * leaves nothing behind; what a killed attempt left is cleared by the next one. The caller holds the locks of the
 * contract.
 *
 * @throws SdmeError `exists`, `not-found`, `input.invalid`, `system.unsupported`, `disk.full`, `io`, `dbus`
 */
export async function createContainer(
  ctx: JobContext,
  input: ContainerCreateInput,
  deps: ContainerDeps,
): Promise<ContainerRecord> {
  const { layout, settings } = deps;
  const { name } = input;
  ctx.progress.step('check');
  await using bus = await connectBus(ctx);
  if (await isOwnWork(ctx, name, layout)) {
    const made = await findRecord(layout, name);
    if (made !== undefined) {
      await finish(ctx, bus, made, deps);
      return made;
    }
  }
  const unwired = { now: Math.floor(Date.now() / 1000), isNixos: false, applications: [], settings };
  // Once without the rootfs, so that a mistake in the options is found before anything is looked at.
  const draft = newRecord(input, unwired).record;
  await checkBinds(draft);
  await requireBridge(draft);
  // For its mistakes: what it gives is worked out anew at every start.
  await deniedCalls(draft.SYSCALL_FILTER, ctx);
  checkUmask();
  await demandSystemd(bus, ctx);
  await warnWithoutNetworkd(ctx, bus, draft);
  await clearName(ctx, bus, name, layout);
  const root = await requireRootfs(input, layout);
  await refuseNesting(ctx, draft, layout);
  const facts = await gatherLayerFacts(root, deps, input.ociEnvs);
  const planned = newRecord(input, { ...unwired, isNixos: facts.isNixos, applications: facts.applications });
  const wired = wireApplications(await resolveBindSources(planned.record), facts, input, layout);
  demandApartBinds(wired.record);
  const { volumes, notes } = wired;
  for (const note of [...planned.notes, ...notes]) ctx.log.info(note);

  ctx.progress.step('create');
  await using undo = new AsyncDisposableStack();
  await makeContainerStore(layout);
  await claimName(layout, name);
  undo.defer(() => removeContainerFiles(name, layout));
  await makeLayerDirectories(layout.containerDir(name));
  await using users = await settleUsers(ctx, bus, wired.record, deps);
  const { record } = users;
  writeLayer(join(layout.containerDir(name), 'upper'), root, planLayer(record, facts));
  await demandPlainTree(record, layout, []);
  giveLayerToUsers(record, deps);
  await makeVolumes(volumes, record, { layout, root }, undo);
  await rehearseBinds(ctx, record);
  await replaceFile(makerFile(layout, name), ctx.jobId, 0o600);
  ctx.signal.throwIfAborted();
  if (record.USERNS_MAPPING === 'shift') await demandPreshift(layout, name, 0);
  // With its record the container is there: who finds one need not ask how far its making came.
  await writeRecord(layout, record);
  // The record keeps its ids from others now, and what follows may take minutes.
  await users[Symbol.asyncDispose]();
  try {
    await finish(ctx, bus, record, deps, undo);
  } catch (error) {
    // A job that goes back to the queue is run again and goes on with what is done.
    if (error instanceof SdmeError && error.code === 'job.handed-back') undo.move();
    throw error;
  }
  undo.move();
  return record;
}
