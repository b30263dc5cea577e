import { type Capability, parseCapabilities } from '../base/capabilities.ts';
import { SdmeError } from '../base/errors.ts';
import { parseApparmorProfile, parseSystemCallFilter } from './filters.ts';

/** How much of the host a container is kept from. */
export type Tier = 'default' | 'hardened' | 'strict';

/** What the strict tier drops: leaves Docker's set without NET_RAW, and SYS_ADMIN, which systemd needs (1.3, step 3). */
export const strictDropCapabilities: readonly Capability[] = [
  'CAP_AUDIT_CONTROL',
  'CAP_AUDIT_READ',
  'CAP_BLOCK_SUSPEND',
  'CAP_BPF',
  'CAP_CHECKPOINT_RESTORE',
  'CAP_DAC_READ_SEARCH',
  'CAP_IPC_LOCK',
  'CAP_IPC_OWNER',
  'CAP_LEASE',
  'CAP_LINUX_IMMUTABLE',
  'CAP_MAC_ADMIN',
  'CAP_MAC_OVERRIDE',
  'CAP_NET_ADMIN',
  'CAP_NET_BROADCAST',
  'CAP_NET_RAW',
  'CAP_PERFMON',
  'CAP_SYS_BOOT',
  'CAP_SYS_MODULE',
  'CAP_SYS_NICE',
  'CAP_SYS_PACCT',
  'CAP_SYS_PTRACE',
  'CAP_SYS_RAWIO',
  'CAP_SYS_RESOURCE',
  'CAP_SYS_TIME',
  'CAP_SYS_TTY_CONFIG',
  'CAP_SYSLOG',
  'CAP_WAKE_ALARM',
];

/** Filters of the strict tier (1.3, step 5). */
export const strictSystemCallFilters: readonly string[] = [
  '~@cpu-emulation',
  '~@debug',
  '~@obsolete',
  '~@raw-io',
];
/** The AppArmor profile of the strict tier. */
export const strictApparmorProfile = 'sdme-default';
/** What AppArmor calls having no profile; asked for by name, it is the one way to be without one under strict. */
export const unconfined = 'unconfined';

/** What a person asked for, before the tier is worked in. */
export interface SecurityRequest {
  readonly tier: Tier;
  readonly userns: boolean;
  readonly privateNetwork: boolean;
  /** A veth pair, a bridge or a zone was asked for; it needs CAP_NET_RAW for DHCP and ping. */
  readonly hasInterface: boolean;
  readonly noNewPrivileges: boolean;
  readonly readOnly: boolean;
  readonly dropCapabilities: readonly string[];
  readonly capabilities: readonly string[];
  readonly systemCallFilters: readonly string[];
  readonly apparmorProfile: string | undefined;
}

/** What a container is started with, as its state holds it. */
export interface Security {
  readonly userns: boolean;
  readonly privateNetwork: boolean;
  readonly noNewPrivileges: boolean;
  readonly readOnly: boolean;
  readonly dropCapabilities: readonly Capability[];
  readonly addCapabilities: readonly Capability[];
  readonly systemCallFilters: readonly string[];
  readonly apparmorProfile: string | undefined;
}

/** The security of a request and what a person should be told about it. */
export interface SecurityExpansion {
  readonly security: Security;
  readonly notes: readonly string[];
}

function tierDrops(tier: Tier, hardenedDrops: readonly Capability[]): readonly Capability[] {
  switch (tier) {
    case 'default':
      return [];
    case 'hardened':
      return hardenedDrops;
    case 'strict':
      return strictDropCapabilities;
  }
}

/** What a person may not expect of a tier beside a link to the host, unless they decided it by name. */
function linkNotes(
  keepsNetRaw: boolean,
  fromTier: readonly Capability[],
  byName: readonly Capability[],
): string[] {
  const dropsNetAdmin = fromTier.includes('CAP_NET_ADMIN') && !byName.includes('CAP_NET_ADMIN');
  return [
    ...(keepsNetRaw
      ? ['note: retaining CAP_NET_RAW, as the network interface needs it; use --drop-capability to drop it']
      : []),
    ...(dropsNetAdmin
      ? [
          'note: CAP_NET_ADMIN is dropped, without which nothing inside can set up the network interface; keep it with --capability CAP_NET_ADMIN',
        ]
      : []),
  ];
}

/**
 * Works a tier into a request, in the order of contract 1.3. `hardenedDrops` is what the
 * setting `hardened_drop_caps` names.
 * @throws SdmeError `input.invalid` for unknown names and a capability that is both added and dropped
 */
export function expandSecurity(
  request: SecurityRequest,
  hardenedDrops: readonly Capability[],
): SecurityExpansion {
  const dropped = parseCapabilities(request.dropCapabilities);
  const added = parseCapabilities(request.capabilities);
  const both = added.find((capability) => dropped.includes(capability));
  if (both !== undefined) {
    throw new SdmeError(
      'input.invalid',
      `capability ${both} appears in both --capability and --drop-capability`,
    );
  }
  const filters = request.systemCallFilters.map(parseSystemCallFilter);
  const profile =
    request.apparmorProfile === undefined ? undefined : parseApparmorProfile(request.apparmorProfile);
  const hardened = request.tier !== 'default';
  const strict = request.tier === 'strict';
  const fromTier = tierDrops(request.tier, hardenedDrops).filter((capability) => !added.includes(capability));
  const keepNetRaw =
    request.hasInterface && fromTier.includes('CAP_NET_RAW') && !dropped.includes('CAP_NET_RAW');
  const tierSet = keepNetRaw ? fromTier.filter((capability) => capability !== 'CAP_NET_RAW') : fromTier;
  return {
    security: {
      userns: request.userns || hardened,
      privateNetwork: request.privateNetwork || request.hasInterface || hardened,
      noNewPrivileges: request.noNewPrivileges || hardened,
      readOnly: request.readOnly,
      dropCapabilities: [...new Set([...dropped, ...tierSet])],
      addCapabilities: added,
      systemCallFilters: strict && filters.length === 0 ? [...strictSystemCallFilters] : filters,
      apparmorProfile: profile ?? (strict ? strictApparmorProfile : undefined),
    },
    notes: request.hasInterface ? linkNotes(keepNetRaw, tierSet, dropped) : [],
  };
}
