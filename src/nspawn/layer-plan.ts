import { environmentFile } from '../rootfs/image-meta.ts';
import { applicationDropIns, type OciApplication } from './oci-wiring.ts';
import { type ContainerRecord, hasInterface, isHostRoot } from './record.ts';

/** One thing written into a container's own layer. Paths are relative to the layer, without leading `/`. */
export type LayerEntry =
  | { readonly kind: 'opaque'; readonly path: string }
  | { readonly kind: 'file'; readonly path: string; readonly mode: number; readonly text: string }
  | { readonly kind: 'symlink'; readonly path: string; readonly target: string };

/** What is known of the rootfs and the host when a container is made. */
export interface LayerFacts {
  /** NixOS owns /etc/systemd/system, so our units go to another directory and services are not masked. */
  readonly isNixos: boolean;
  /** Of `systemd-networkd.service` and `systemd-resolved.service`, those in the rootfs' usr/lib/systemd/system. */
  readonly networkUnits: readonly string[];
  readonly applications: readonly OciApplication[];
  /** For a host-root clone: the host's regular `.mount`, `.swap` and `.automount` units in /etc/systemd/system. */
  readonly hostMountUnits: readonly string[];
  /** For a host-root clone: what the host's alias `dbus.service` points to, e.g. `dbus-broker.service`. */
  readonly hostDbusUnit: string | undefined;
  /** For a host-root clone: directories of this program that the clone must not see, e.g. the data directory. */
  readonly ownDirectories: readonly string[];
  /** Text of the environment file that `--oci-env` lines are appended to, by application. */
  readonly ociEnvs: readonly string[];
}

const resolved = 'systemd-resolved.service';
const networkd = 'systemd-networkd.service';
const systemUnits = 'etc/systemd/system';

function file(path: string, text: string, mode = 0o644): LayerEntry {
  return { kind: 'file', path, mode, text };
}

/** The services masked in a new container: without systemd-resolved when an interface needs it (contract 2.3). */
export function maskedServices(
  wanted: readonly string[],
  { withInterface, isNixos }: { withInterface: boolean; isNixos: boolean },
): string[] {
  if (isNixos) return [];
  return [...new Set(wanted)].filter((service) => !(withInterface && service === resolved));
}

function identity(name: string): LayerEntry[] {
  return [
    file('etc/hostname', `${name}\n`),
    file('etc/hosts', `127.0.0.1 localhost ${name}\n::1 localhost ${name}\n`),
    file('etc/machine-id', '', 0o444),
    file('etc/fstab', '# The file systems of a container are mounted from outside.\n'),
  ];
}

function resolverFile(record: ContainerRecord): LayerEntry {
  const path = 'etc/resolv.conf';
  if (hasInterface(record) && !record.MASKED_SERVICES.includes(resolved)) {
    return { kind: 'symlink', path, target: '../run/systemd/resolve/stub-resolv.conf' };
  }
  return file(path, '# Written at start by systemd-nspawn.\n');
}

function mask(unit: string): LayerEntry {
  return { kind: 'symlink', path: `${systemUnits}/${unit}`, target: '/dev/null' };
}

/** The host's alias is lost with its directory, and without it the clone has no bus. */
function dbusAlias(record: ContainerRecord, facts: LayerFacts): LayerEntry[] {
  if (facts.hostDbusUnit === undefined || !record.OPAQUE_DIRS.includes(`/${systemUnits}`)) return [];
  const target = `../../../usr/lib/systemd/system/${facts.hostDbusUnit}`;
  return [{ kind: 'symlink', path: `${systemUnits}/dbus.service`, target }];
}

function hostRootEntries(record: ContainerRecord, facts: LayerFacts): LayerEntry[] {
  if (!isHostRoot(record)) return [];
  return [...facts.hostMountUnits.map(mask), ...dbusAlias(record, facts)];
}

function networkEntries(record: ContainerRecord, facts: LayerFacts): LayerEntry[] {
  if (!hasInterface(record)) return [];
  const active = [networkd, resolved].filter(
    (unit) => facts.networkUnits.includes(unit) && !record.MASKED_SERVICES.includes(unit),
  );
  const wants = active.map((unit): LayerEntry => {
    const path = `${systemUnits}/multi-user.target.wants/${unit}`;
    return { kind: 'symlink', path, target: `/usr/lib/systemd/system/${unit}` };
  });
  // Names within a zone are found by LLMNR and mDNS, which resolved has switched off on some distributions.
  const zoneNames =
    record.NETWORK_ZONE !== undefined && active.includes(resolved)
      ? [file('etc/systemd/resolved.conf.d/zone-llmnr.conf', '[Resolve]\nLLMNR=yes\nMulticastDNS=yes\n')]
      : [];
  return [...wants, ...zoneNames];
}

function applicationEntries(record: ContainerRecord, facts: LayerFacts): LayerEntry[] {
  const unitDirectory = facts.isNixos ? 'etc/systemd/system.control' : systemUnits;
  const dropIns = facts.applications.flatMap((application) =>
    applicationDropIns(record).map(({ name, text }) =>
      file(`${unitDirectory}/sdme-oci-${application.name}.service.d/${name}`, text),
    ),
  );
  if (facts.ociEnvs.length === 0) return dropIns;
  const pairs = facts.ociEnvs.map((line): [string, string] => {
    const equals = line.indexOf('=');
    return [line.slice(0, equals), line.slice(equals + 1)];
  });
  // Of a name that is there twice, systemd takes the last.
  const added = environmentFile(pairs).text;
  const environments = facts.applications.map((application) =>
    file(
      `oci/apps/${application.name}/env`,
      `${application.environment.replace(/(?<!\n|^)$/, '\n')}${added}`,
      0o600,
    ),
  );
  return [...dropIns, ...environments];
}

/**
 * What is written into a container's own layer when it is made, in order: emptied directories first, then what
 * may lie in them (contract 2.3).
 */
export function planLayer(record: ContainerRecord, facts: LayerFacts): LayerEntry[] {
  const hidden = isHostRoot(record) ? facts.ownDirectories : [];
  const opaque = [...new Set([...record.OPAQUE_DIRS, ...hidden])];
  return [
    ...opaque.map((path): LayerEntry => ({ kind: 'opaque', path: path.replace(/^\/+/, '') })),
    ...identity(record.NAME),
    resolverFile(record),
    ...(facts.isNixos ? [] : record.MASKED_SERVICES.map(mask)),
    ...hostRootEntries(record, facts),
    ...networkEntries(record, facts),
    ...applicationEntries(record, facts),
  ];
}
