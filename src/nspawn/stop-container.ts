import type { Context } from '../base/context.ts';
import { SdmeError } from '../base/errors.ts';
import type { ContainerStopInput, ContainerStopResult, StopMode } from '../contracts/index.ts';
import { type Bus, connectBus, type WaitOptions } from '../system/systemd/bus.ts';
import { killMachine, machineSignals, terminateMachine } from '../system/systemd/machines.ts';
import { resetFailedUnit, stopUnit, type UnitState, unitState, watchUnit } from '../system/systemd/units.ts';
import { waitForChange } from '../system/systemd/wait-for-change.ts';
import type { ContainerDeps } from './deps.ts';
import { clearNspawnLeftovers } from './nspawn-leftovers.ts';
import { ownMachine } from './own-machine.ts';
import { readRecord } from './state-file.ts';
import { unitName } from './template-unit.ts';

/** Asks a systemd that is PID 1 to halt: SIGRTMIN+3, see systemd(1); SIGRTMIN of the C library is 34. */
const haltSignal = 34 + 3;
const killSignal = 9;
/** A halt request that came before PID 1 listened is lost, nspawn's own too, so it is repeated. */
const repeatHaltMs = 2_000;

function isStopped(unit: UnitState): boolean {
  return unit.activeState === 'inactive' || unit.activeState === 'failed';
}

async function requestStop(bus: Bus, name: string, mode: StopMode, options: WaitOptions): Promise<void> {
  const machine = await ownMachine(bus, name, options);
  // Before machined knows the container there is only the unit to stop.
  if (machine === undefined) return stopUnit(bus, unitName(name), options);
  switch (mode) {
    case 'graceful':
      return killMachine(bus, name, 'leader', haltSignal, options);
    case 'terminate':
      return terminateMachine(bus, name, options);
    case 'kill':
      await killMachine(bus, name, 'all', killSignal, options);
      return stopUnit(bus, unitName(name), options);
  }
}

/** Waits until machined knows the container no more and its unit has stopped; false when time is up. */
async function waitUntilStopped(
  bus: Bus,
  name: string,
  options: WaitOptions & { timeoutMs: number; onWait?: () => Promise<void> },
): Promise<boolean> {
  const signals = [...(await watchUnit(bus, unitName(name), { signal: options.signal })), ...machineSignals];
  const look = async (): Promise<true | undefined> => {
    const [unit, machine] = await Promise.all([
      unitState(bus, unitName(name), { signal: options.signal }),
      ownMachine(bus, name, { signal: options.signal }),
    ]);
    if (isStopped(unit) && machine === undefined) return true;
    await options.onWait?.();
    return undefined;
  };
  return (await waitForChange(bus, signals, look, { ...options, lookAgainMs: repeatHaltMs })) ?? false;
}

/** Stops a container's unit whatever its state, without regard to the caller's cancellation. */
export async function endUnit(bus: Bus, name: string, timeoutSeconds: number): Promise<void> {
  await stopUnit(bus, unitName(name));
  const timeoutMs = timeoutSeconds * 1000;
  if (await waitUntilStopped(bus, name, { timeoutMs, onWait: haltAgain(bus, name, {}) })) return;
  await killMachine(bus, name, 'all', killSignal);
  if (await waitUntilStopped(bus, name, { timeoutMs })) return;
  throw stopTimeout(name, 2 * timeoutSeconds);
}

/**
 * Waits for the end of a stop that is under way, whoever asked for it. @returns the unit's state then
 * @throws SdmeError `container.stop-timeout`, `dbus`; the signal's reason
 */
export async function awaitStopUnderWay(
  bus: Bus,
  name: string,
  { settings }: ContainerDeps,
  { signal }: WaitOptions,
): Promise<string> {
  const signals = [...(await watchUnit(bus, unitName(name), { signal })), ...machineSignals];
  const look = async (): Promise<string | undefined> => {
    const unit = await unitState(bus, unitName(name), { signal });
    if (unit.activeState === 'deactivating') return undefined;
    // systemd may know of the end before machined does.
    if (isStopped(unit) && (await ownMachine(bus, name, { signal })) !== undefined) return undefined;
    return unit.activeState;
  };
  const seconds = settings.stop_timeout_graceful;
  const state = await waitForChange(bus, signals, look, { signal, timeoutMs: seconds * 1000 });
  if (state === undefined) throw stopTimeout(name, seconds);
  return state;
}

function stopTimeout(name: string, seconds: number): SdmeError {
  return new SdmeError(
    'container.stop-timeout',
    `container '${name}' did not stop within ${seconds} s; try 'sdme stop --kill ${name}'`,
    { facts: { container: name } },
  );
}

function timeoutFor(mode: StopMode, { settings }: ContainerDeps): number {
  switch (mode) {
    case 'graceful':
      return settings.stop_timeout_graceful;
    case 'terminate':
      return settings.stop_timeout_terminate;
    case 'kill':
      return settings.stop_timeout_kill;
  }
}

/** Repeats the halt request every few seconds for as long as the container runs. */
function haltAgain(bus: Bus, name: string, options: WaitOptions): () => Promise<void> {
  let last = performance.now();
  return async () => {
    if (performance.now() - last < repeatHaltMs) return;
    last = performance.now();
    await killMachine(bus, name, 'leader', haltSignal, options);
  };
}

/** What is true of a stop that was cancelled: a shutdown that was asked for cannot be taken back. */
function goesOn(name: string): string {
  return `container '${name}' was asked to shut down before, and goes on with it`;
}

/**
 * Stops a container that a caller holds the lock of. When it is cancelled it says that the shutdown goes on.
 * @returns false when it did not run
 * @throws SdmeError `container.stop-timeout`, `dbus`, the signal's reason
 */
export async function stopOn(
  bus: Bus,
  { name, mode }: ContainerStopInput,
  deps: ContainerDeps,
  options: WaitOptions & Partial<Pick<Context, 'log'>>,
): Promise<boolean> {
  const before = await unitState(bus, unitName(name), options);
  if (isStopped(before) && !before.hasJob) {
    if (mode === 'kill') await resetFailedUnit(bus, unitName(name), options);
    return false;
  }
  const seconds = timeoutFor(mode, deps);
  options.signal?.throwIfAborted();
  let stopped: boolean;
  try {
    await requestStop(bus, name, mode, options);
    stopped = await waitUntilStopped(bus, name, {
      ...options,
      timeoutMs: seconds * 1000,
      ...(mode === 'kill' ? {} : { onWait: haltAgain(bus, name, options) }),
    });
  } catch (error) {
    if (options.signal?.aborted === true) options.log?.info(goesOn(name));
    throw error;
  }
  if (!stopped) throw stopTimeout(name, seconds);
  if (mode === 'kill') await resetFailedUnit(bus, unitName(name), options);
  await clearNspawnLeftovers(name, { ...(options.signal === undefined ? {} : { signal: options.signal }) });
  return true;
}

/** Shuts a container down and waits until nothing of it runs (contract 1.5). @throws as {@link stopOn}; `not-found` */
export async function stopContainer(
  ctx: Context,
  input: ContainerStopInput,
  deps: ContainerDeps,
): Promise<ContainerStopResult> {
  await readRecord(deps.layout, input.name);
  await using bus = await connectBus(ctx);
  ctx.progress.step('stop');
  return { name: input.name, wasRunning: await stopOn(bus, input, deps, ctx) };
}
