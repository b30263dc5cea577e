import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { ensureDirIn, kindInNoFollow, removeIn, renameIn, writeFileIn } from '../../system/fs/beneath.ts';

const path = 'etc/resolv.conf';

/**
 * Runs `work` while the tree has the host's `/etc/resolv.conf`, so that package managers find their servers. What was
 * there is put aside whole and comes back as it was; everything is done by path inside the tree, and a symlink of it
 * is never followed.
 */
export async function withHostResolver(tree: string, work: () => Promise<void>): Promise<void> {
  const host = await readFile('/etc/resolv.conf').catch(() => undefined);
  if (host === undefined) return work();
  ensureDirIn(tree, 'etc');
  const former = kindInNoFollow(tree, path) !== undefined;
  // No name that an image could have taken.
  const aside = `etc/.resolv.conf.${randomUUID()}`;
  if (former) renameIn(tree, path, aside);
  try {
    writeFileIn(tree, path, host);
    await work();
  } finally {
    if (former) renameIn(tree, aside, path);
    else removeIn(tree, path);
  }
}
