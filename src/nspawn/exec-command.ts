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

function runIn(streams: '--pipe' | '--pty', { container, user, command }: ExecOptions): Command {
  // Words with dollar signs are the command's own: the manager would put variables of its own in.
  const exactly = '--expand-environment=no';
  const args = ['--machine', container, streams, '--wait', '--quiet', '--collect', exactly];
  return {
    program: 'systemd-run',
    args: [...args, ...(user === undefined ? [] : ['--uid', user]), '--', ...command],
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

/** Runs a command among an application's processes: in its namespaces and root (contract 1.6). `pid`: its init. */
export function applicationCommand(pid: number, command: readonly string[]): Command {
  const namespaces = ['--pid', '--ipc', '--mount', '--net', '--root', '--wd=/'];
  return { program: 'nsenter', args: ['--target', String(pid), ...namespaces, '--', ...command] };
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
