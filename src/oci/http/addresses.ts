import { type LookupAddress, lookup } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { SdmeError } from '../../base/errors.ts';

/**
 * Which addresses a request may go to. `any`: the host a person named. `not-local`: a host that a registry named
 * (redirect, token realm), so no loopback, no link-local, no metadata service (unpack-cases I2, I3).
 * `not-link-local`: the same for a registry that is on loopback itself.
 */
export type AddressRule = 'any' | 'not-local' | 'not-link-local';

function linkLocal(): BlockList {
  const list = new BlockList();
  list.addSubnet('169.254.0.0', 16, 'ipv4');
  list.addSubnet('fe80::', 10, 'ipv6');
  list.addSubnet('0.0.0.0', 8, 'ipv4');
  list.addAddress('::', 'ipv6');
  list.addSubnet('224.0.0.0', 4, 'ipv4');
  list.addSubnet('ff00::', 8, 'ipv6');
  // Metadata services of clouds outside the link-local range.
  list.addAddress('100.100.100.200', 'ipv4');
  list.addAddress('fd00:ec2::254', 'ipv6');
  return list;
}

function loopback(): BlockList {
  const list = new BlockList();
  list.addSubnet('127.0.0.0', 8, 'ipv4');
  list.addAddress('::1', 'ipv6');
  return list;
}

function blocks(list: BlockList, address: string): boolean {
  const family = isIP(address);
  return family !== 0 && list.check(address, family === 6 ? 'ipv6' : 'ipv4');
}

/** A host of a URL without the brackets of IPv6. */
export function bareHost(hostname: string): string {
  return hostname.startsWith('[') && hostname.endsWith(']') ? hostname.slice(1, -1) : hostname;
}

/** True for `localhost`, names below it (RFC 6761), 127.0.0.0/8 and ::1. */
export function isLoopback(hostname: string): boolean {
  const host = bareHost(hostname).toLowerCase();
  return host === 'localhost' || host.endsWith('.localhost') || blocks(loopback(), host);
}

/** Whether an address is allowed by the rule. */
export function addressAllowed(address: string, rule: AddressRule): boolean {
  if (rule === 'any') return true;
  if (blocks(linkLocal(), address)) return false;
  return rule === 'not-link-local' || !blocks(loopback(), address);
}

/** The refusal of a host by its address. */
export function forbiddenAddress(host: string): SdmeError {
  return new SdmeError('oci.protocol', `the registry points to ${host}, a local address; it is not followed`);
}

/** A name lookup for sockets that gives only allowed addresses; an answer with a forbidden one is refused whole. */
export function guardedLookup(rule: AddressRule): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
      if (error !== null) return callback(error, '', 0);
      if (addresses.some(({ address }) => !addressAllowed(address, rule))) {
        return callback(forbiddenAddress(hostname), '', 0);
      }
      if (options.all === true) return callback(null, addresses);
      const first = addresses[0];
      return callback(null, first?.address ?? '', first?.family ?? 4);
    });
  };
}
