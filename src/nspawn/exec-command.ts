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

function runIn(
  streams: '--pipe' | '--pty',
  { container, user, command }: ExecOptions,
  properties: readonly string[] = [],
): Command {
  // Words with dollar signs are the command's own: the manager would put variables of its own in.
  const exactly = '--expand-environment=no';
  const args = ['--machine', container, streams, '--wait', '--quiet', '--collect', exactly];
  const limits = properties.map((property) => `--property=${property}`);
  return {
    program: 'systemd-run',
    args: [...args, ...limits, ...(user === undefined ? [] : ['--uid', user]), '--', ...command],
  };
}

/** Runs a command in a container with its standard streams passed through as they are (contract 1.6). */
export function execCommand(options: ExecOptions): Command {
  return runIn('--pipe', options);
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

/** Where programs are looked for, in the container and in the application, whose /bin need not be its /usr/bin. */
const searchPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** One word of a POSIX shell command. */
const quoteForShell = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

export interface ApplicationExecOptions {
  readonly container: string;
  /** The application's supervisor, as the container numbers it. */
  readonly supervisor: number;
  /** The application has another network than its container. */
  readonly ownNetwork: boolean;
  readonly onTerminal: boolean;
  readonly command: readonly string[];
}

/**
 * Runs a command among an application's processes: in its namespaces and root (contract 1.6). The program comes out of
 * the image, so it is the container that enters the namespaces, not the host: what is run has the container's users,
 * filters, devices and profile, no capabilities but those of a workload before `isolate` drops the last, and nothing
 * of our environment.
 *
 * A shell looks after the jobs of a terminal only when it sees who leads the terminal's session, who must be of the
 * application's PID namespace: script(1) makes a terminal there.
 */
export function applicationCommand(options: ApplicationExecOptions): Command {
  const { container, supervisor, ownNetwork, onTerminal, command } = options;
  // Not the init's, which may be of another user: without CAP_SYS_PTRACE its namespaces are closed to root.
  const pids = `--pid=/proc/${supervisor}/ns/pid_for_children`;
  // A working directory that is named is opened before the root is entered, and leads out of it.
  const spaces = ['--ipc', '--mount', ...(ownNetwork ? ['--net'] : []), '--root', '--wd'];
  const others = ['--target', String(supervisor), ...spaces, '--', ...command];
  const shell = ['nsenter', ...others].map(quoteForShell).join(' ');
  const enter = onTerminal
    ? ['nsenter', pids, '--', 'script', '--quiet', '--return', '--command', shell, '/dev/null']
    : ['nsenter', pids, ...others];
  return runIn(onTerminal ? '--pty' : '--pipe', { container, command: enter }, [
    `Environment=PATH=${searchPath}`,
    'NoNewPrivileges=yes',
    `CapabilityBoundingSet=${workloadCapabilities.join(' ')}`,
  ]);
}

/** Shows the journal of an application, from inside its container. */
export function applicationLogsCommand(
  container: string,
  application: string,
  args: readonly string[],
): Command {
  const unit = `sdme-oci-${application}.service`;
  return execCommand({ container, command: ['/usr/bin/journalctl', '-u', unit, ...args] });
}
