import { parseCapabilityList } from '../base/capabilities.ts';
import type { ContainerCreateInput } from '../contracts/index.ts';
import { parseBind, parseOpaqueDirs, splitCommaList } from '../contracts/index.ts';
import { expandSecurity } from '../security/index.ts';
import { uidRangeSize } from '../security/uid-ranges.ts';
import { maskedServices } from './layer-plan.ts';
import type { OciApplication } from './oci-wiring.ts';
import type { ContainerRecord } from './record.ts';

/** Settings and facts that a new container's record depends on. */
export interface NewRecordFacts {
  /** Epoch seconds. */
  readonly now: number;
  readonly isNixos: boolean;
  readonly applications: readonly OciApplication[];
  readonly settings: {
    readonly host_rootfs_opaque_dirs: string;
    readonly default_create_masked_services: string;
    readonly hardened_drop_caps: string;
    readonly userns_nested_ranges: number;
    readonly restart_sec: number;
  };
}

/** The record of a container that is to be made, and what its maker should be told. */
export interface NewRecord {
  readonly record: ContainerRecord;
  readonly notes: readonly string[];
}

function opaqueDirs(input: ContainerCreateInput, facts: NewRecordFacts): string[] {
  if (input.opaqueDirs !== undefined) return parseOpaqueDirs(input.opaqueDirs);
  const isHost = input.rootfs === undefined;
  return isHost ? parseOpaqueDirs(splitCommaList(facts.settings.host_rootfs_opaque_dirs)) : [];
}

const yes = (wanted: boolean): 'yes' | undefined => (wanted ? 'yes' : undefined);
const one = (wanted: boolean): '1' | undefined => (wanted ? '1' : undefined);

function diskNotes(input: ContainerCreateInput): string[] {
  return input.disk === undefined
    ? []
    : ['warning: --disk has no effect on overlay storage and is not stored'];
}

function nestedNotes({ usernsNested = 0 }: ContainerCreateInput, userns: boolean): string[] {
  return usernsNested === 0 || userns
    ? []
    : ['warning: --userns-nested has no effect without --userns and is not stored'];
}

/**
 * The record that an input stands for, with its tier worked in (contract 1.2, 1.3). Ports and volumes of OCI
 * applications are not in it yet.
 * @throws SdmeError `input.invalid`
 */
export function newRecord(input: ContainerCreateInput, facts: NewRecordFacts): NewRecord {
  const withInterface =
    input.networkVeth || input.networkBridge !== undefined || input.networkZone !== undefined;
  const { security, notes } = expandSecurity(
    { ...input, hasInterface: withInterface, apparmorProfile: input.apparmorProfile },
    parseCapabilityList(facts.settings.hardened_drop_caps),
  );
  const nested = input.usernsNested ?? facts.settings.userns_nested_ranges;
  const masked = input.maskedServices ?? splitCommaList(facts.settings.default_create_masked_services);
  const restarts = input.restart === 'on-failure';
  const [application, ...more] = facts.applications;
  const record: ContainerRecord = {
    CREATED: facts.now,
    NAME: input.name,
    ROOTFS: input.rootfs ?? '',
    STORAGE: undefined,
    MEMORY: input.memory,
    CPUS: input.cpus,
    CPU_WEIGHT: input.cpuWeight,
    DISK: undefined,
    PRIVATE_NETWORK: one(security.privateNetwork),
    NETWORK_VETH: one(input.networkVeth),
    NETWORK_BRIDGE: input.networkBridge,
    NETWORK_ZONE: input.networkZone,
    PORTS: input.ports,
    BINDS: input.binds.map(parseBind),
    ENVS: input.envs,
    OCI_VOLUMES: [],
    POD: undefined,
    OCI_POD: undefined,
    USERNS: yes(security.userns),
    NO_NEW_PRIVS: yes(security.noNewPrivileges),
    READ_ONLY: yes(security.readOnly),
    USERNS_SHIFT: undefined,
    USERNS_RANGE: security.userns && nested > 0 ? (1 + nested) * uidRangeSize : undefined,
    USERNS_MAPPING: undefined,
    DROP_CAPS: [...security.dropCapabilities],
    ADD_CAPS: [...security.addCapabilities],
    SYSCALL_FILTER: [...security.systemCallFilters],
    APPARMOR_PROFILE: security.apparmorProfile,
    MASKED_SERVICES: maskedServices(masked, { withInterface, isNixos: facts.isNixos }),
    OPAQUE_DIRS: opaqueDirs(input, facts),
    OCI_APP: more.length === 0 ? application?.name : undefined,
    SYSTEMD_LOG_LEVEL: input.systemdLogLevel,
    RESTART_POLICY: restarts ? 'on-failure' : undefined,
    RESTART_SEC: restarts ? Math.ceil(facts.settings.restart_sec) : undefined,
    ENABLED: yes(input.enable),
    KUBE: undefined,
    HAS_PROBES: undefined,
    KUBE_CONTAINERS: [],
    KUBE_YAML_HASH: undefined,
    others: new Map(),
  };
  return { record, notes: [...notes, ...diskNotes(input), ...nestedNotes(input, security.userns)] };
}
