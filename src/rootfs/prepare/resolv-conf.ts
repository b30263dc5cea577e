import { readFile } from 'node:fs/promises';
import {
  ensureDirIn,
  kindInNoFollow,
  readFileIn,
  readLinkIn,
  removeIn,
  symlinkIn,
  writeFileIn,
} from '../../system/fs/beneath.ts';

const path = 'etc/resolv.conf';
const maxBytes = 64 * 1024;

/** What stood at `etc/resolv.conf` of a tree. */
type Former =
  | { readonly kind: 'none' }
  | { readonly kind: 'symlink'; readonly target: string }
  | { readonly kind: 'file'; readonly content: Buffer };

function formerOf(tree: string): Former {
  switch (kindInNoFollow(tree, path)) {
    case 'symlink':
      return { kind: 'symlink', target: readLinkIn(tree, path) ?? '' };
    case 'file':
      return { kind: 'file', content: readFileIn(tree, path, maxBytes) ?? Buffer.alloc(0) };
    case 'directory':
    case 'other':
    case undefined:
      return { kind: 'none' };
  }
}

function restore(tree: string, former: Former): void {
  switch (former.kind) {
    case 'none':
      removeIn(tree, path);
      return;
    case 'symlink':
      symlinkIn(tree, path, former.target);
      return;
    case 'file':
      writeFileIn(tree, path, former.content);
  }
}

/**
 * Runs `work` while the tree has the host's `/etc/resolv.conf`, so that package managers find their servers, and
 * puts back what was there. Everything is done by path inside the tree; a symlink of it is never followed.
 */
export async function withHostResolver(tree: string, work: () => Promise<void>): Promise<void> {
  const host = await readFile('/etc/resolv.conf').catch(() => undefined);
  if (host === undefined) return work();
  ensureDirIn(tree, 'etc');
  const former = formerOf(tree);
  writeFileIn(tree, path, host);
  try {
    await work();
  } finally {
    restore(tree, former);
  }
}
