import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { handleFsImport } from '../../jobs/fs-import.ts';
import type { FsImportInput } from '../../src/contracts/fs-import.ts';
import { loggedContext } from './container-host.ts';
import { importInput, openTestStore, type TestStore } from './import-store.ts';
import { layoutFiles, type TestImageOptions, testImage, writeFiles } from './oci-image.ts';

/** A store with a base rootfs `base`, and what imports an image of these options onto it. `more`: its files. */
export async function openOnBase(
  settings: Readonly<Record<string, unknown>> = {},
  more: Readonly<Record<string, Buffer>> = {},
): Promise<
  TestStore & {
    importApp: (name: string, image: TestImageOptions, over?: Partial<FsImportInput>) => Promise<string[]>;
  }
> {
  const store = await openTestStore(settings);
  const deps = { ...store, host: 'test' };
  const base = join(store.dir, 'base');
  await mkdir(join(base, 'usr/lib'), { recursive: true });
  await mkdir(join(base, 'etc'));
  await writeFile(join(base, 'usr/lib/os-release'), 'ID=debian\nPRETTY_NAME="Base"\n');
  await writeFile(join(base, 'etc/passwd'), 'onlyinbase:x:7:7::/:\n');
  for (const [path, content] of Object.entries(more)) await writeFile(join(base, path), content);
  await handleFsImport(loggedContext().ctx, importInput(base, { name: 'base' }), deps);
  return Object.assign(store, {
    importApp: async (name: string, options: TestImageOptions, over: Partial<FsImportInput> = {}) => {
      const layout = join(store.dir, name);
      await writeFiles(layout, layoutFiles([await testImage(options)]));
      const { ctx, lines } = loggedContext(undefined, `import-${name}`);
      await handleFsImport(ctx, importInput(layout, { name, baseFs: 'base', force: false, ...over }), deps);
      return lines;
    },
  });
}

/** Every path in a tree with its kind, mode, owner and content: equal when nothing differs, `without` left out. */
export function fingerprint(tree: string, ...without: string[]): string {
  const prune = without.map((path) => `-path './${path}' -prune -o`).join(' ');
  return execFileSync(
    'sh',
    [
      '-c',
      `find . -mindepth 1 ${prune} -printf "%p %M %U %G %s %T@ %l\\n" | sort; find . ${prune} -type f -print | sort | xargs sha256sum`,
    ],
    {
      cwd: tree,
      encoding: 'utf8',
    },
  );
}
