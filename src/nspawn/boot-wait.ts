import type { Bus } from '../system/systemd/bus.ts';
import { type Machine, machineSignals } from '../system/systemd/machines.ts';
import { unitState, watchUnit } from '../system/systemd/units.ts';
import { waitForChange } from '../system/systemd/wait-for-change.ts';
import { innerBusAnswers } from './inner-bus.ts';
import { ownMachine } from './own-machine.ts';
import { unitName } from './template-unit.ts';

/** How a boot went: the inner bus answers, the container ended, or it is still under way. */
export type BootOutcome = 'up' | 'ended' | 'timed-out';

/** How often the inner bus is tried, as nothing on the host says when it is there. */
const tryEveryMs = 200;

export interface BootWait {
  readonly container: string;
  /** The container has users of its own, so its bus is asked from inside. */
  readonly foreignUsers: boolean;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** The running machine; `ended` when the unit has stopped and nothing is queued for it; undefined before either. */
async function lookAtMachine(bus: Bus, wait: BootWait): Promise<Machine | 'ended' | undefined> {
  const options = { signal: wait.signal };
  const unit = await unitState(bus, unitName(wait.container), options);
  const stopped = unit.activeState === 'inactive' || unit.activeState === 'failed';
  if (stopped && !unit.hasJob) return 'ended';
  const machine = await ownMachine(bus, wait.container, options);
  if (machine === undefined) return undefined;
  if (machine.state === 'closing' || machine.state === 'abandoned') return 'ended';
  return machine.state === 'running' ? machine : undefined;
}

/**
 * Waits until a container that was just started has booted: machined has it running, then its inner system bus
 * answers (contract 3.9). @throws the signal's reason; SdmeError `dbus`
 */
export async function waitForBoot(bus: Bus, wait: BootWait): Promise<BootOutcome> {
  const deadline = performance.now() + wait.timeoutMs;
  const left = (): { signal: AbortSignal; timeoutMs: number } => ({
    signal: wait.signal,
    timeoutMs: Math.max(0, deadline - performance.now()),
  });
  const signals = [...(await watchUnit(bus, unitName(wait.container), wait)), ...machineSignals];
  const machine = await waitForChange(bus, signals, () => lookAtMachine(bus, wait), left());
  if (machine === undefined) return 'timed-out';
  if (machine === 'ended') return 'ended';
  const tryInnerBus = async (): Promise<BootOutcome | undefined> => {
    const now = await lookAtMachine(bus, wait);
    if (now === 'ended') return 'ended';
    // A machine that went and came again is another one, with another leader.
    if (now === undefined) return undefined;
    return (await innerBusAnswers(now, wait)) ? 'up' : undefined;
  };
  const outcome = await waitForChange(bus, signals, tryInnerBus, { ...left(), lookAgainMs: tryEveryMs });
  return outcome ?? 'timed-out';
}
