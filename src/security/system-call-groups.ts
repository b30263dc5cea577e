/** The groups of system calls that a systemd knows, e.g. `@debug`, and what each names: calls and other groups. */
export type SystemCallGroups = ReadonlyMap<string, readonly string[]>;

/** Reads what `systemd-analyze syscall-filter` prints: names of groups, each with its items indented below it. */
export function parseSystemCallGroups(text: string): SystemCallGroups {
  const groups = new Map<string, string[]>();
  let items: string[] = [];
  for (const line of text.split('\n')) {
    const word = line.trim();
    if (word === '' || word.startsWith('#')) continue;
    if (line.startsWith(' ')) items.push(word);
    else {
      items = [];
      groups.set(word, items);
    }
  }
  return groups;
}

/** The calls of a group, and of the groups that it names. */
function callsOf(group: string, groups: SystemCallGroups): string[] {
  return (groups.get(group) ?? []).flatMap((item) => (item.startsWith('@') ? callsOf(item, groups) : item));
}

/** Those of some filters whose group or call this systemd does not know; nspawn would heed none of them. */
export function unknownFilters(filters: readonly string[], groups: SystemCallGroups): string[] {
  // `@known` lacks obsolete calls that `@obsolete` names.
  const calls = new Set([...groups.values()].flat());
  return filters.filter((filter) => {
    const name = filter.replace(/^~/, '');
    return !(name.startsWith('@') ? groups.has(name) : calls.has(name));
  });
}

/**
 * The calls, in order, of all groups that the filters deny. nspawn takes only what is denied by its very name off its
 * list (systemd-nspawn(1), --system-call-filter=): a group that is denied leaves each of its calls that the list has
 * by itself or by another group.
 */
export function callsOfDeniedGroups(filters: readonly string[], groups: SystemCallGroups): string[] {
  const denied = filters.filter((filter) => filter.startsWith('~@')).map((filter) => filter.slice(1));
  return [...new Set(denied.flatMap((group) => callsOf(group, groups)))].sort();
}

/** What a command line of systemd-nspawn allows and, with `~`, denies. */
function filtersOfCommand(command: readonly string[]): Set<string> {
  const option = '--system-call-filter=';
  const values = command.filter((word) => word.startsWith(option)).map((word) => word.slice(option.length));
  return new Set(
    values.flatMap((value) =>
      value.startsWith('~')
        ? value
            .slice(1)
            .split(' ')
            .map((name) => `~${name}`)
        : value.split(' '),
    ),
  );
}

/** Those of some filters that a running systemd-nspawn does not heed, by its command line: all of a group must be denied. */
export function unheededFilters(
  filters: readonly string[],
  groups: SystemCallGroups,
  command: readonly string[],
): string[] {
  const told = filtersOfCommand(command);
  const unknown = unknownFilters(filters, groups);
  return filters.filter((filter) => {
    const calls = callsOfDeniedGroups([filter], groups).map((call) => `~${call}`);
    return unknown.includes(filter) || ![filter, ...calls].every((name) => told.has(name));
  });
}
