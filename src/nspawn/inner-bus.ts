import { connect } from 'node:net';
import { run } from '../system/exec/run.ts';
import { errnoOf } from '../system/failure.ts';
import { openSocketIn } from '../system/fs/open-socket.ts';

/** How long one try may take. */
const tryMs = 2_000;

function connects(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    const end = (answer: boolean) => (): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(tryMs, end(false));
    socket.once('connect', end(true)).once('error', end(false));
  });
}

/**
 * True when something listens on the system bus inside a container, looked up in its own root, so that a symlink
 * of the container's making is not followed on the host, whenever it is put there.
 */
async function socketAnswers(leader: number): Promise<boolean> {
  // The `.` leads through the link that `root` is, which is not followed as a last component.
  const root = `/proc/${leader}/root/.`;
  try {
    using socket = openSocketIn(root, 'run/dbus/system_bus_socket');
    return socket !== undefined && (await connects(socket.path));
  } catch (error) {
    // Not there yet, or the container ended in between: the caller looks again.
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'ESRCH', 'EACCES'].includes(errnoOf(error) ?? '')) return false;
    throw error;
  }
}

async function busctlAnswers(name: string, signal: AbortSignal): Promise<boolean> {
  const options = { signal, timeoutMs: 10_000, maxOutput: 4096 };
  try {
    await run('busctl', [`--machine=${name}`, '--no-pager', 'list'], options);
    return true;
  } catch {
    signal.throwIfAborted();
    return false;
  }
}

/**
 * True when a container's inner system bus answers. The bus of a foreign user namespace refuses a connection of
 * the host's root, so there busctl(1) asks from inside (contract 3.9).
 */
export function innerBusAnswers(
  machine: { readonly name: string; readonly leader: number },
  { foreignUsers, signal }: { readonly foreignUsers: boolean; readonly signal: AbortSignal },
): Promise<boolean> {
  return foreignUsers ? busctlAnswers(machine.name, signal) : socketAnswers(machine.leader);
}
