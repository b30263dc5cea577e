import { join } from 'node:path';
import { SdmeError } from '../base/errors.ts';
import { hasNoncharacter } from '../base/noncharacters.ts';
import type { Bind } from '../contracts/index.ts';
import { workloadCapabilities } from '../security/index.ts';
import type { ContainerRecord } from './record.ts';

/** An application in the rootfs, as its files below `/oci/apps/<name>` describe it (contract 3.5). */
export interface OciApplication {
  readonly name: string;
  /** Lines `KEY=VALUE`, for people. */
  readonly env: readonly string[];
  /** The environment file as it is; values may have several lines. */
  readonly environment: string;
  /** Lines such as `80/tcp`. */
  readonly ports: readonly string[];
  /** Absolute paths inside the application. */
  readonly volumes: readonly string[];
}

/**
 * The drop-ins a container adds to an application's unit (contract 3.6). SYS_ADMIN stays in any case: the
 * program that isolates the application needs it, and drops it itself.
 */
export function applicationDropIns(
  record: Pick<ContainerRecord, 'DROP_CAPS' | 'OCI_POD'>,
): { name: string; text: string }[] {
  const kept = workloadCapabilities.filter(
    (name) => name === 'CAP_SYS_ADMIN' || !record.DROP_CAPS.includes(name),
  );
  const hardening = {
    name: 'hardening.conf',
    text: `[Service]\nCapabilityBoundingSet=\nCapabilityBoundingSet=${kept.join(' ')}\n`,
  };
  const netns = {
    name: 'oci-pod-netns.conf',
    text: '[Service]\nNetworkNamespacePath=/run/sdme/oci-pod-netns\n',
  };
  return [
    ...(record.DROP_CAPS.length > 0 ? [hardening] : []),
    ...(record.OCI_POD === undefined ? [] : [netns]),
  ];
}

/** What an OCI rootfs adds to a container by itself, and what a person is told of it. */
export interface PortWiring {
  /** Rules in nspawn's form to add to the record. */
  readonly ports: readonly string[];
  readonly notes: readonly string[];
}

function isPort(line: string): boolean {
  const [, number] = /^([0-9]{1,5})\/(?:tcp|udp)$/.exec(line) ?? [];
  return number !== undefined && Number(number) >= 1 && Number(number) <= 65_535;
}

/** The ports to forward for the applications' declared ones, unless mapped already (contract 1.4, "OCI ports"). */
export function wireOciPorts(record: ContainerRecord, applications: readonly OciApplication[]): PortWiring {
  const declared = [...new Set(applications.flatMap((application) => application.ports))];
  const valid = declared.filter(isPort);
  if (valid.length === 0) return { ports: [], notes: [] };
  if (record.PRIVATE_NETWORK === undefined) {
    return {
      ports: [],
      notes: [`OCI image exposes ports: ${valid.join(', ')} (host network, no forwarding needed)`],
    };
  }
  const mapped = record.PORTS.map((rule) => rule.split(':').at(-1));
  const wanted = valid.map((port) => port.split('/')).filter(([number]) => !mapped.includes(number));
  const isTaken = ([number, protocol]: readonly string[]): boolean =>
    record.PORTS.some((rule) => rule.startsWith(`${protocol}:${number}:`));
  const ports = wanted
    .filter((port) => !isTaken(port))
    .map(([number, protocol]) => `${protocol}:${number}:${number}`);
  return {
    ports,
    notes: [
      ...(ports.length === 0 ? [] : [`auto-forwarding OCI ports: ${ports.join(', ')}`]),
      ...wanted
        .filter(isTaken)
        .map((port) => `OCI port ${port.join('/')} is not forwarded, as --port has its number on the host`),
    ],
  };
}

/** A volume of an application and the host directory that keeps its data. */
export interface OciVolume {
  /** As the application names it, e.g. `/var/lib/data`. */
  readonly path: string;
  readonly bind: Bind;
}

/** The longest name of a file, in bytes (NAME_MAX): a volume's directory is named after all of its path. */
const maxNameBytes = 255;

function isVolumePath(path: string): boolean {
  if (Buffer.byteLength(path.replace(/^\/+/, '')) > maxNameBytes) return false;
  return /^\/[^\0\r\n:|,]+$/.test(path) && !path.split('/').includes('..') && !hasNoncharacter(path);
}

/** The directories' names say less than the volumes' paths: what two share would be mixed. */
function refuseShared(volumes: readonly OciVolume[]): void {
  const owners = new Map<string, string>();
  for (const { path, bind } of volumes) {
    const other = owners.get(bind.host);
    if (other !== undefined) {
      throw new SdmeError(
        'state.conflict',
        `the volumes ${other} and ${path} would share the directory ${bind.host}; use --no-oci-volumes and bind a directory for each with -b`,
      );
    }
    owners.set(bind.host, path);
  }
}

/**
 * The volumes to mount for the applications' declared ones, unless bound already (contract 1.4, "OCI volumes").
 * @throws SdmeError `state.conflict` when two would have one directory
 */
export function wireOciVolumes(
  record: ContainerRecord,
  applications: readonly OciApplication[],
  volumesDir: string,
): { readonly volumes: readonly OciVolume[]; readonly notes: readonly string[] } {
  const bound = record.BINDS.map((bind) => bind.container);
  const volumes = applications.flatMap((application) =>
    application.volumes
      .filter(isVolumePath)
      .map(
        (path): OciVolume => ({
          path,
          bind: {
            host: join(volumesDir, record.NAME, path.replace(/^\/+/, '').replaceAll('/', '-')),
            container: `/oci/apps/${application.name}/root${path}`,
            mode: 'rw',
          },
        }),
      )
      .filter(({ bind }) => !bound.includes(bind.container)),
  );
  refuseShared(volumes);
  const paths = volumes.map((volume) => volume.path);
  return { volumes, notes: paths.length === 0 ? [] : [`auto-mounting OCI volumes: ${paths.join(', ')}`] };
}
