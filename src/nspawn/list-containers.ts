import { SdmeError } from '../base/errors.ts';
import type { Layout } from '../base/paths.ts';
import { formatBind } from '../contracts/container-options.ts';
import { pathExists } from '../system/fs/path-exists.ts';
import { type Bus, connectBus } from '../system/systemd/bus.ts';
import { machineAddresses } from '../system/systemd/machines.ts';
import { listUnitStates } from '../system/systemd/units.ts';
import { healthOf, innerSystemState, probeStates } from './container-health.ts';
import { osNameIn } from './container-os.ts';
import { isEnabled } from './is-enabled.ts';
import { type ContainerListing, statusOf } from './listing.ts';
import { type ContainerRecord, hasInterface, isHostRoot } from './record.ts';
import { listApplications } from './rootfs-facts.ts';
import { findRecord, listContainerNames } from './state-file.ts';
import { listSubmounts } from './submount-layers.ts';
import { unitName } from './template-unit.ts';

/** Roots in which a container's files are looked for, newest first. */
function rootsOf(layout: Layout, name: string, record: ContainerRecord | undefined): string[] {
  const directory = layout.containerDir(name);
  const rootfs = record === undefined || isHostRoot(record) ? [] : [layout.rootfsDir(record.ROOTFS)];
  return [`${directory}/merged`, `${directory}/upper`, ...rootfs, ...(record?.ROOTFS === '' ? ['/'] : [])];
}

async function readable(layout: Layout, name: string): Promise<ContainerRecord | undefined> {
  try {
    return await findRecord(layout, name);
  } catch {
    // The listing shows the container with `unreadable state file`.
    return undefined;
  }
}

function applicationsIn(roots: readonly string[]): ContainerListing['oci_apps'] {
  for (const root of roots) {
    try {
      const apps = listApplications(root);
      if (apps.length > 0) {
        return apps.map(({ name, env, ports, volumes }) => ({
          name,
          env: [...env],
          ports: [...ports],
          volumes: [...volumes],
        }));
      }
    } catch {
      // A root that is gone or odd has no applications.
    }
  }
  return [];
}

interface ListedState {
  readonly name: string;
  readonly activeState: string;
}

function networkOf(record: ContainerRecord | undefined): ContainerListing['network'] {
  return {
    private_network: record?.PRIVATE_NETWORK !== undefined,
    network_veth: record?.NETWORK_VETH !== undefined,
    network_bridge: record?.NETWORK_BRIDGE ?? null,
    network_zone: record?.NETWORK_ZONE ?? null,
    ports: record?.PORTS ?? [],
    pod: record?.POD ?? null,
    oci_pod: record?.OCI_POD ?? null,
  };
}

async function healthFor(
  layout: Layout,
  { name, activeState }: ListedState,
  record: ContainerRecord | undefined,
): Promise<string> {
  const roots = rootsOf(layout, name, record).slice(0, 2);
  const probes = record?.HAS_PROBES === undefined ? undefined : probeStates(roots);
  const [hasDirectory, hasRootfs, systemState] = await Promise.all([
    pathExists(layout.containerDir(name)),
    record === undefined || isHostRoot(record) ? true : pathExists(layout.rootfsDir(record.ROOTFS)),
    activeState === 'active' && probes === undefined ? innerSystemState(name) : undefined,
  ]);
  return healthOf({
    hasDirectory,
    hasReadableRecord: record !== undefined,
    hasRootfs,
    activeState,
    probes,
    systemState,
  });
}

/** machined enters the container's namespaces for its answer; when that fails the rest is still worth showing. */
async function addressesOf(bus: Bus, name: string): Promise<string[]> {
  try {
    return await machineAddresses(bus, name, { timeoutMs: 5_000 });
  } catch (error) {
    if (error instanceof SdmeError && error.code === 'dbus') return [];
    throw error;
  }
}

async function listOne(bus: Bus, layout: Layout, state: ListedState): Promise<ContainerListing> {
  const { name, activeState } = state;
  const record = await readable(layout, name);
  const roots = rootsOf(layout, name, record);
  const withAddresses = activeState === 'active' && record !== undefined && hasInterface(record);
  const [health, enabled, submounts, addresses] = await Promise.all([
    healthFor(layout, state, record),
    isEnabled(name),
    record !== undefined && isHostRoot(record) ? listSubmounts(layout.containerDir(name)) : [],
    withAddresses ? addressesOf(bus, name) : [],
  ]);
  return {
    name,
    status: statusOf(activeState),
    health,
    os: osNameIn(roots),
    rootfs: record?.ROOTFS ?? '',
    userns: record?.USERNS !== undefined,
    enabled,
    binds: (record?.BINDS ?? []).map(formatBind),
    oci_apps: applicationsIn(roots),
    submounts,
    network: networkOf(record),
    limits: {
      memory: record?.MEMORY ?? null,
      cpus: record?.CPUS ?? null,
      cpu_weight: record?.CPU_WEIGHT ?? null,
      disk: record?.DISK ?? null,
    },
    disk_used: null,
    kube:
      record?.KUBE === undefined
        ? null
        : { yaml_hash: record.KUBE_YAML_HASH ?? null, has_probes: record.HAS_PROBES !== undefined },
    addresses,
  };
}

/**
 * All containers as they are now, by name (contract 1.7). Asks no queue: it reads the store and D-Bus.
 * @throws SdmeError `dbus`, `io`
 */
export async function listContainers(
  layout: Layout,
  options: { readonly signal?: AbortSignal } = {},
): Promise<ContainerListing[]> {
  const names = await listContainerNames(layout);
  if (names.length === 0) return [];
  await using bus = await connectBus(options);
  const states = await listUnitStates(bus, names.map(unitName), options);
  return await Promise.all(
    names.map((name) => {
      const activeState = states.get(unitName(name))?.activeState ?? 'inactive';
      return listOne(bus, layout, { name, activeState });
    }),
  );
}

/** Every container with its status only: what batch verbs such as `start --all` choose from. */
export async function listStatuses(layout: Layout): Promise<Pick<ContainerListing, 'name' | 'status'>[]> {
  const names = await listContainerNames(layout);
  if (names.length === 0) return [];
  await using bus = await connectBus();
  const states = await listUnitStates(bus, names.map(unitName));
  return names.map((name) => ({
    name,
    status: statusOf(states.get(unitName(name))?.activeState ?? 'inactive'),
  }));
}
