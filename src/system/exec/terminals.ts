import { readFileSync } from 'node:fs';
import { isatty } from 'node:tty';

/** Which of this process' standard streams are terminals. */
export interface Terminals {
  readonly input: boolean;
  readonly output: boolean;
  readonly errors: boolean;
  /** Another job has the terminal: who reads from it is stopped (termios(3), SIGTTIN). */
  readonly inBackground: boolean;
}

/** True when /proc/PID/stat is that of a process whose terminal is another process group's (proc_pid_stat(5)). */
export function isInBackground(stat: string): boolean {
  // The second field may hold anything. Behind it: state, ppid, pgrp, session, tty_nr, tpgid.
  const [, , group, , , foreground] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return foreground !== '-1' && foreground !== group;
}

/** Looks at the standard streams of this process. */
export function standardTerminals(): Terminals {
  const [input, output, errors] = [isatty(0), isatty(1), isatty(2)];
  return { input, output, errors, inBackground: isInBackground(readFileSync('/proc/self/stat', 'utf8')) };
}
