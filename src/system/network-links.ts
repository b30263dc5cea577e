import { z } from 'zod';
import { SdmeError } from '../base/errors.ts';
import { findProgram } from './exec/find-program.ts';
import { type RunOptions, run } from './exec/run.ts';

/** An interface as the kernel tells of it in a network namespace (rtnetlink(7)). */
export interface NetworkLink {
  readonly name: string;
  readonly index: number;
  /** `bridge`, `veth` and so on; undefined for hardware. */
  readonly kind: string | undefined;
  /** Where it leads to or what it was made from, when that is in another namespace: its index there. */
  readonly elsewhere: number | undefined;
}

const reply = z.array(
  z.object({
    ifname: z.string(),
    ifindex: z.number(),
    link_index: z.number().optional(),
    link_netnsid: z.union([z.number(), z.string()]).optional(),
    linkinfo: z.object({ info_kind: z.string().optional() }).optional(),
  }),
);

/** What `ip -json -details link` prints; undefined for what is none of it, as with a name that JSON cannot hold. */
export function parseLinks(text: string): NetworkLink[] | undefined {
  try {
    return reply.parse(JSON.parse(text)).map(({ ifname, ifindex, link_index, link_netnsid, linkinfo }) => ({
      name: ifname,
      index: ifindex,
      kind: linkinfo?.info_kind,
      elsewhere: link_netnsid === undefined ? undefined : (link_index ?? 0),
    }));
  } catch {
    return undefined;
  }
}

/**
 * The interfaces of a namespace that those inside may have made themselves: no hardware, and none that leads to another
 * namespace, but for a veth to one that is not the host's, as every container inside has.
 */
export function linksWithin(inside: readonly NetworkLink[], hosts: readonly NetworkLink[]): string[] {
  const isWithin = ({ kind, index, elsewhere }: NetworkLink): boolean => {
    if (kind === undefined || elsewhere === undefined) return kind !== undefined;
    const isPeer = (other: NetworkLink): boolean => other.index === elsewhere && other.elsewhere === index;
    return kind === 'veth' && !hosts.some(isPeer);
  };
  return inside.filter(isWithin).map(({ name }) => name);
}

async function readLinks(pid: number, options: RunOptions): Promise<NetworkLink[] | undefined> {
  const command = [await findProgram('ip'), '-json', '-details', 'link', 'show'];
  const nsenter = await findProgram('nsenter');
  return parseLinks((await run(nsenter, [`--net=/proc/${pid}/ns/net`, '--', ...command], options)).stdout);
}

/**
 * {@link linksWithin} for the namespace of a process; none where that cannot be found out, as without ip(8).
 * @throws the signal's reason
 */
export async function ownLinks(pid: number, options: { readonly signal?: AbortSignal }): Promise<string[]> {
  try {
    const inside = await readLinks(pid, { ...options, timeoutMs: 10_000 });
    const hosts = await readLinks(1, { ...options, timeoutMs: 10_000 });
    return inside === undefined || hosts === undefined ? [] : linksWithin(inside, hosts);
  } catch (error) {
    if (error instanceof SdmeError && ['system.unsupported', 'process.failed'].includes(error.code))
      return [];
    throw error;
  }
}
