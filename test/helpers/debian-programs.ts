import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { output } from './container-host.ts';
import { debianTree } from './debian-image.ts';

/** Programs of the tree `debian-systemd` and the libraries they need, by their paths in an image. */
export async function debianPrograms(...names: string[]): Promise<Record<string, Buffer>> {
  const root = await debianTree('debian-systemd');
  const paths = names.map((name) => `/usr/bin/${name}`);
  const libraries = (await output('chroot', root, 'ldd', ...paths)).matchAll(/(\/\S+) \(0x/g);
  const all = [...paths, ...[...libraries].map(([, path = '']) => path)];
  return Object.fromEntries(
    await Promise.all(all.map(async (path) => [path.slice(1), await readFile(join(root, path))] as const)),
  );
}
