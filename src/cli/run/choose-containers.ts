import { SdmeError } from '../../base/errors.ts';
import {
  type ContainerStatus,
  listContainerNames,
  listStatuses,
  matchContainer,
} from '../../nspawn/read-side.ts';
import type { Session } from '../session.ts';

/**
 * The containers that operands and `--all` mean: names and unique prefixes, or all that have one of `statuses`
 * (all there are when absent). @throws SdmeError `not-found`, `input.invalid`, `usage`
 */
export async function chooseContainers(
  session: Session,
  operands: readonly string[],
  all: { readonly wanted: boolean; readonly statuses?: readonly ContainerStatus[] },
): Promise<string[]> {
  const layout = await session.layout();
  if (all.wanted) {
    if (operands.length > 0) throw new SdmeError('usage', '--all takes no names');
    if (all.statuses === undefined) return listContainerNames(layout);
    const { statuses } = all;
    const listed = await listStatuses(layout);
    return listed.filter(({ status }) => statuses.includes(status)).map(({ name }) => name);
  }
  if (operands.length === 0) throw new SdmeError('usage', 'name a container, or use --all');
  const names: string[] = [];
  for (const operand of operands) {
    const name = await matchContainer(layout, operand);
    if (!names.includes(name)) names.push(name);
  }
  return names;
}
