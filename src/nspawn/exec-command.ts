import { workloadCapabilities } from '../security/index.ts';

/** A program and its arguments. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
}

export interface ExecOptions {
  readonly container: string;
  /** User inside; default: root. */
  readonly user?: string | undefined;
  readonly command: readonly string[];
}

/** With a terminal of the container's own, or with our standard streams, as a unit that may be given a name. */
export type Streams = '--pty' | { readonly pipedUnit?: string };

function runIn(
  streams: Streams,
  { container, user, command }: ExecOptions,
  properties: readonly string[] = [],
): Command {
  // Words with dollar signs are the command's own: the manager would put variables of its own in.
  const exactly = '--expand-environment=no';
  const named = streams === '--pty' || streams.pipedUnit === undefined ? [] : ['--unit', streams.pipedUnit];
  const how = [streams === '--pty' ? streams : '--pipe', ...named];
  const args = ['--machine', container, ...how, '--wait', '--quiet', '--collect', exactly];
  const limits = properties.map((property) => `--property=${property}`);
  return {
    program: 'systemd-run',
    args: [...args, ...limits, ...(user === undefined ? [] : ['--uid', user]), '--', ...command],
  };
}

/** Runs a command in a container, its standard streams passed through (contract 1.6). */
export function execCommand(options: ExecOptions, streams: Streams = {}): Command {
  return runIn(streams, options);
}

/** Sends a signal to processes of a command's unit in a container: `main` is for one that passes signals on itself. */
export function signalCommand(
  container: string,
  unit: string,
  whom: 'all' | 'main',
  signal: string,
): Command {
  const how = ['--kill-whom', whom, '--signal', signal];
  return { program: 'systemctl', args: ['--machine', container, 'kill', ...how, unit] };
}

/**
 * Opens a shell, or runs a command, on a terminal of its own in a container (contract 1.6). A command does not go by
 * way of machinectl, which wants its absolute path and ends with 0 whatever the command's code was.
 */
export function joinCommand(options: ExecOptions): Command {
  const { container, user, command } = options;
  if (command.length > 0) return runIn('--pty', options);
  return {
    program: 'machinectl',
    args: ['shell', '--quiet', ...(user === undefined ? [] : ['--uid', user]), container],
  };
}

/** Shows the journal of a container's unit; `args` are journalctl's own (contract 1.6). */
export function logsCommand(unit: string, args: readonly string[]): Command {
  return { program: 'journalctl', args: ['-u', unit, ...args] };
}

export interface JoinUserFacts {
  /** What the person named with `--user`. */
  readonly wanted: string | undefined;
  readonly isHostRoot: boolean;
  /** Setting `join_as_sudo_user`. */
  readonly joinAsSudoUser: boolean;
  /** `SUDO_USER` of the environment. */
  readonly sudoUser: string | undefined;
}

/** The user to join as: in a clone of the host's root, who called sudo has an account too (contract 1.6). */
export function joinUser({
  wanted,
  isHostRoot,
  joinAsSudoUser,
  sudoUser,
}: JoinUserFacts): string | undefined {
  if (wanted !== undefined) return wanted;
  const known = sudoUser !== undefined && /^[a-z_][a-z0-9_.-]*\$?$/i.test(sudoUser);
  return isHostRoot && joinAsSudoUser && known ? sudoUser : undefined;
}

/** For the program that is run; the container's systemd would give it a path of its own. */
const searchPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface ApplicationExecOptions {
  readonly container: string;
  readonly application: string;
  /** The application's supervisor, as the container numbers it. */
  readonly supervisor: number;
  /** The application has another network than its container. */
  readonly ownNetwork: boolean;
  readonly command: readonly string[];
}

/**
 * Runs a command among an application's processes: in its namespaces and root (contract 1.6). The program comes out of
 * the image, so it is the container that enters the namespaces, not the host, and it does so by a program of ours that
 * the application cannot write to, `enter`: what is run has the container's users, filters, devices and profile, a
 * workload's capabilities and what its unit forbids by way of system calls, and nothing of our environment.
 */
export function applicationCommand(options: ApplicationExecOptions, streams: Streams): Command {
  const { container, application, supervisor, ownNetwork, command } = options;
  const program = `/oci/apps/${application}/enter`;
  const enter = [program, `/proc/${supervisor}`, ...command];
  return runIn(streams, { container, command: enter }, [
    // The application may open /proc/PID/exe of what it forks, and write there once that has ended.
    `BindReadOnlyPaths=${program}`,
    `Environment=PATH=${searchPath}`,
    'NoNewPrivileges=yes',
    `CapabilityBoundingSet=${workloadCapabilities.join(' ')}`,
    'RestrictNamespaces=~user',
    'RestrictSUIDSGID=yes',
    'LockPersonality=yes',
    ...(ownNetwork ? [`NetworkNamespacePath=/proc/${supervisor}/ns/net`] : []),
  ]);
}

/** Shows the journal of an application, from inside its container. */
export function applicationLogsCommand(
  container: string,
  application: string,
  args: readonly string[],
  streams: Streams,
): Command {
  const unit = `sdme-oci-${application}.service`;
  return execCommand({ container, command: ['/usr/bin/journalctl', '-u', unit, ...args] }, streams);
}
