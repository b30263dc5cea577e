import { lstat, readdir, readlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { nameProblem } from '../base/names.ts';
import { parseOsRelease } from '../rootfs/os-release.ts';
import { existsIn, listIn, readFileIn } from '../system/fs/beneath.ts';
import type { ContainerDeps } from './deps.ts';
import type { LayerFacts } from './layer-plan.ts';
import type { OciApplication } from './oci-wiring.ts';
import { unitDirectory } from './template-unit.ts';

const maxText = 1024 * 1024;

function textIn(root: string, path: string): string {
  return readFileIn(root, path, maxText)?.toString('utf8') ?? '';
}

function linesIn(root: string, path: string): string[] {
  return textIn(root, path)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

/** The applications that an OCI import put into a rootfs (contract 3.5). */
export function listApplications(root: string): OciApplication[] {
  const names = (listIn(root, 'oci/apps') ?? []).filter((name) => nameProblem(name) === undefined);
  return names.map((name) => ({
    name,
    env: linesIn(root, `oci/apps/${name}/env`),
    environment: textIn(root, `oci/apps/${name}/env`),
    ports: linesIn(root, `oci/apps/${name}/ports`),
    volumes: linesIn(root, `oci/apps/${name}/volumes`),
  }));
}

/** True for NixOS, whose /etc/systemd/system is not ours to write. */
export function isNixosRoot(root: string): boolean {
  const text = textIn(root, 'etc/os-release') || textIn(root, 'usr/lib/os-release');
  return parseOsRelease(text).get('ID') === 'nixos';
}

/** The host's own mount, swap and automount units; in a clone they would act on the host's devices. */
async function hostMountUnits(): Promise<string[]> {
  const entries = await readdir(unitDirectory, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && /\.(mount|swap|automount)$/.test(entry.name))
    .map((entry) => entry.name)
    .sort();
}

/** What the host's alias for its bus points to, when it is another implementation. */
async function hostDbusUnit(): Promise<string | undefined> {
  const path = join(unitDirectory, 'dbus.service');
  const isLink = await lstat(path).then(
    (stat) => stat.isSymbolicLink(),
    () => false,
  );
  return isLink ? basename(await readlink(path)) : undefined;
}

/** Looks up what the plan of a container's layer depends on. `root` is its rootfs, or `/`. */
export async function gatherLayerFacts(
  root: string,
  { layout }: ContainerDeps,
  ociEnvs: readonly string[],
): Promise<LayerFacts> {
  const isHost = root === '/';
  return {
    isNixos: isNixosRoot(root),
    networkUnits: ['systemd-networkd.service', 'systemd-resolved.service'].filter((unit) =>
      existsIn(root, `usr/lib/systemd/system/${unit}`),
    ),
    applications: listApplications(root),
    hostMountUnits: isHost ? await hostMountUnits() : [],
    hostDbusUnit: isHost ? await hostDbusUnit() : undefined,
    ownDirectories: isHost ? [layout.dataDir] : [],
    ociEnvs,
  };
}
