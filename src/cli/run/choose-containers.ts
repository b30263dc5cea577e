import { SdmeError } from '../../base/errors.ts';
import { matchName } from '../../base/names.ts';
import { type ContainerStatus, listContainerNames, listStatuses } from '../../nspawn/read-side.ts';
import type { Session } from '../session.ts';
import type { NoName } from './each-name.ts';

/**
 * The containers that operands and `--all` mean: names and unique prefixes, or all that have one of `statuses`
 * (all there are when absent). What means none is in its place, to be reported in its turn. Prefixes are of what there
 * is now: once `web` is removed, `we` must not begin to mean `web2`. @throws SdmeError `usage`, `io`, `dbus`
 */
export async function chooseContainers(
  session: Session,
  operands: readonly string[],
  all: { readonly wanted: boolean; readonly statuses?: readonly ContainerStatus[] },
): Promise<(string | NoName)[]> {
  const layout = await session.layout();
  if (all.wanted) {
    if (operands.length > 0) throw new SdmeError('usage', '--all takes no names');
    if (all.statuses === undefined) return listContainerNames(layout);
    const { statuses } = all;
    const listed = await listStatuses(layout);
    return listed.filter(({ status }) => statuses.includes(status)).map(({ name }) => name);
  }
  if (operands.length === 0) throw new SdmeError('usage', 'name a container, or use --all');
  const existing = await listContainerNames(layout);
  const chosen = operands.map((typed): string | NoName => {
    try {
      return matchName(typed, existing);
    } catch (problem) {
      return { typed, problem };
    }
  });
  return [...new Set(chosen)];
}
