import { type Capability, capabilitiesOfMask, parseCapabilities } from '../base/capabilities.ts';
import { dockerCapabilities, dockerDefault, retainedCapabilities } from '../security/index.ts';
import type { Confinement, NamespaceKind } from '../system/confinement.ts';
import type { ContainerRecord } from './record.ts';
import {
  apparmorRow,
  capabilityRow,
  filterRow,
  flagRow,
  namespaceRow,
  networkRow,
  type Row,
  type SecurityRow,
  settingsRow,
  userRow,
} from './security-rows.ts';

/** How a running container is confined, as `security show --json` prints it. */
export interface SecurityReport {
  readonly name: string;
  readonly mechanisms: readonly SecurityRow[];
  readonly capabilities: {
    readonly asked_for: readonly Capability[];
    readonly in_force: readonly Capability[];
    readonly docker_default: readonly Capability[];
  };
  /** Filters asked for on top of nspawn's own list. */
  readonly system_call_filters: readonly string[];
  readonly cgroup: string;
}

/** What the kernel does not say of a process itself. */
export interface Findings {
  readonly unheeded?: readonly string[];
  readonly made?: readonly string[];
}

/** The capabilities that a record asks for. */
function askedCapabilities(record: ContainerRecord): Capability[] {
  return retainedCapabilities({
    // In a pod the network is made by somebody else, and nspawn is not told to make one.
    privateNetwork: record.PRIVATE_NETWORK !== undefined && record.POD === undefined,
    userns: record.USERNS !== undefined,
    added: parseCapabilities(record.ADD_CAPS),
    dropped: parseCapabilities(record.DROP_CAPS),
  });
}

/**
 * What a container was asked to be held to, beside what the kernel holds its PID 1 to and what Docker does.
 * `unheeded`: filters of its record that its nspawn was not told; `made`: interfaces that lead nowhere out of it.
 */
export function securityReport(
  record: ContainerRecord,
  confinement: Confinement,
  { unheeded = [], made = [] }: Findings = {},
): SecurityReport {
  const asked = askedCapabilities(record);
  const inForce = capabilitiesOfMask(confinement.boundingSet).sort();
  const row = ({ mechanism, asked_for, in_force, as_asked }: Row, docker: string): SecurityRow => ({
    mechanism,
    asked_for,
    in_force,
    docker_default: docker,
    as_asked,
  });
  const namespace = (kind: NamespaceKind, name: string): Row => namespaceRow(kind, name, confinement);
  const { noNewPrivileges, readOnlyRoot } = confinement;
  return {
    name: record.NAME,
    mechanisms: [
      row(userRow(record, confinement), dockerDefault.user),
      row(namespace('pid', 'PID'), dockerDefault.pid),
      row(namespace('ipc', 'IPC'), dockerDefault.ipc),
      row(namespace('uts', 'hostname'), dockerDefault.uts),
      row(namespace('mnt', 'mount'), dockerDefault.mnt),
      row(namespace('cgroup', 'cgroup'), dockerDefault.cgroup),
      row(networkRow(record, confinement, made), dockerDefault.net),
      row(
        flagRow('no new privileges', record.NO_NEW_PRIVS !== undefined, noNewPrivileges),
        dockerDefault.noNewPrivileges,
      ),
      row(capabilityRow(asked, inForce), dockerDefault.capabilities),
      row(filterRow(record, confinement, unheeded), dockerDefault.systemCallFilter),
      row(apparmorRow(record, confinement), dockerDefault.apparmor),
      row(
        flagRow('read-only root', record.READ_ONLY !== undefined, readOnlyRoot),
        dockerDefault.readOnlyRoot,
      ),
      row(settingsRow(confinement), dockerDefault.kernelSettings),
    ],
    capabilities: { asked_for: asked, in_force: inForce, docker_default: dockerCapabilities },
    system_call_filters: record.SYSCALL_FILTER,
    cgroup: confinement.cgroup,
  };
}
