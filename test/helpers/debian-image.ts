import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const treeBuilder = join(import.meta.dirname, '../host/tree');

/** A bootable Debian made from Debian packages; read-only, shared by all runs (test/host/tree). */
export interface DebianImage {
  /** The tree. */
  readonly root: string;
  /** A plain tar of the tree. */
  readonly tarball: string;
  /** An OCI layout with the tree as its one gzip layer, tagged `trixie`. */
  readonly layout: string;
}

/** The image; made from Debian's mirror the first time, which takes half a minute. */
export async function debianImage(): Promise<DebianImage> {
  const { stdout } = await run(treeBuilder, ['debian-systemd']);
  const dir = stdout.trim();
  return { root: join(dir, 'root'), tarball: join(dir, 'rootfs.tar'), layout: join(dir, 'oci') };
}

/** The root of a cached tree, by the name of its recipe (test/host/trees). */
export async function debianTree(name: string): Promise<string> {
  const { stdout } = await run(treeBuilder, [name]);
  return join(stdout.trim(), 'root');
}

/**
 * Pushes an image of an OCI layout to a registry on loopback with skopeo. Without a `tag`, the only one there is; `to`
 * is e.g. `library/debian:trixie`.
 */
export async function pushLayout(
  layout: string,
  tag: string | undefined,
  registry: string,
  to: string,
): Promise<void> {
  const copy = ['copy', '--quiet', '--insecure-policy', '--dest-tls-verify=false'];
  const from = `oci:${layout}${tag === undefined ? '' : `:${tag}`}`;
  await run('skopeo', [...copy, from, `docker://${registry}/${to}`]);
}

/** Writes a registries.conf by which references to `prefix` (`docker.io`) are looked for at a registry on loopback. */
export async function writeMirrorRule(path: string, prefix: string, registry: string): Promise<void> {
  const rule = [
    '[[registry]]',
    `prefix = "${prefix}"`,
    `location = "${prefix}"`,
    '[[registry.mirror]]',
    `location = "${registry}"`,
    'insecure = true',
  ];
  await writeFile(path, `${rule.join('\n')}\n`);
}
