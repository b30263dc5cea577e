import { SdmeError } from '../base/errors.ts';
import {
  callsOfDeniedGroups,
  parseSystemCallGroups,
  type SystemCallGroups,
  unheededFilters,
  unknownFilters,
} from '../security/index.ts';
import { findProgram } from '../system/exec/find-program.ts';
import { run } from '../system/exec/run.ts';

interface Options {
  readonly signal?: AbortSignal;
}

/** The groups of the systemd that is installed, whose nspawn will read them. */
async function hostGroups(options: Options): Promise<SystemCallGroups> {
  const analyze = await findProgram('systemd-analyze');
  const { stdout } = await run(analyze, ['--no-pager', 'syscall-filter'], { ...options, timeoutMs: 30_000 });
  return parseSystemCallGroups(stdout);
}

/**
 * The calls of all groups that a container's filters deny, by this host's systemd, as nspawn must be told them.
 * @throws SdmeError `input.invalid` for a filter that it would not heed; `system.unsupported`, `process.failed`
 */
export async function deniedCalls(filters: readonly string[], options: Options): Promise<readonly string[]> {
  if (filters.length === 0) return [];
  const groups = await hostGroups(options);
  const [unknown] = unknownFilters(filters, groups);
  if (unknown !== undefined) {
    throw new SdmeError(
      'input.invalid',
      `unknown system call filter: ${unknown}; see 'systemd-analyze syscall-filter' for the calls and groups that the systemd of this host knows`,
    );
  }
  return callsOfDeniedGroups(filters, groups);
}

/**
 * Those of a container's filters that its running systemd-nspawn, by its command line, does not heed as this host's
 * systemd understands them. The kernel says that there are filters, not what is in them.
 * @throws SdmeError `system.unsupported`, `process.failed`
 */
export async function filtersNotHeeded(
  filters: readonly string[],
  command: readonly string[],
  options: Options,
): Promise<readonly string[]> {
  return filters.length === 0 ? [] : unheededFilters(filters, await hostGroups(options), command);
}
