import type { ContainerCreateInput } from '../../contracts/index.ts';

/**
 * What a person may miss in a shell on a hardened clone of the host, where all else looks like the host
 * (contract 1.3, step 7).
 */
export function hostRootNotes(
  input: Pick<ContainerCreateInput, 'rootfs' | 'tier' | 'networkVeth' | 'networkBridge' | 'networkZone'>,
): string[] {
  if (input.rootfs !== undefined || input.tier === 'default') return [];
  const withInterface =
    input.networkVeth || input.networkBridge !== undefined || input.networkZone !== undefined;
  const network = `note: --${input.tier} gives it a network of its own with loopback only; add --network-veth or --network-zone to reach others`;
  return [
    ...(withInterface ? [] : [network]),
    `note: --${input.tier} forbids new privileges; sudo and su will not elevate inside`,
  ];
}
