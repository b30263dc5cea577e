import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Context, detachedContext } from '../../src/base/context.ts';
import { importRootfs } from '../../src/rootfs/import/import.ts';
import { missingParts } from '../../src/rootfs/inspect.ts';
import { importInput, openTestStore, rootMissing, type TestStore } from '../helpers/import-store.ts';

/** The Debian mirror of this machine's apt; the tree made from it asks the same one. */
function mirror(): string | undefined {
  try {
    const format = '$(REPO_URI) $(COMPONENT)';
    const lines = execFileSync('apt-get', ['indextargets', '--format', format, 'Created-By: Packages'], {
      encoding: 'utf8',
    }).split('\n');
    return lines.find((line) => /debian\/? main$/.test(line))?.split(' ')[0];
  } catch {
    return undefined;
  }
}

async function reason(): Promise<string | false> {
  const missing = rootMissing();
  if (missing !== undefined) return missing;
  try {
    execFileSync('mmdebstrap', ['--version'], { stdio: 'ignore' });
  } catch {
    return 'mmdebstrap is not installed';
  }
  const uri = mirror();
  if (uri === undefined) return 'the apt sources of this machine name no Debian mirror';
  try {
    const answer = await fetch(new URL('dists/trixie/InRelease', uri), {
      signal: AbortSignal.timeout(10_000),
    });
    await answer.body?.cancel();
    return answer.ok ? false : `the Debian mirror answers with ${answer.status}`;
  } catch {
    return 'the Debian mirror cannot be reached';
  }
}

const skip = await reason();

function minimalDebian(store: TestStore): string {
  const tarball = join(store.dir, 'debian.tar');
  const uri = mirror() ?? '';
  execFileSync(
    'mmdebstrap',
    ['--quiet', '--variant=apt', '--dpkgopt=force-unsafe-io', 'trixie', tarball, uri],
    {
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  return tarball;
}

test('a Debian without systemd is made bootable with packages of its own distribution', {
  skip,
}, async () => {
  await using store = await openTestStore();
  const tarball = minimalDebian(store);
  const lines: string[] = [];
  const base = detachedContext();
  const say = (line: string): void => void lines.push(line);
  const ctx: Context = { ...base, log: { info: say, warn: say, error: say } };
  const input = importInput(tarball, { name: 'debian', force: false });

  await assert.rejects(importRootfs(ctx, store, input), /systemd and dbus not found in rootfs/);
  assert.deepEqual(await readdir(store.layout.fsDir), []);

  await importRootfs(ctx, store, { ...input, installPackages: 'yes' });
  const tree = store.layout.rootfsDir('debian');
  assert.deepEqual(missingParts(tree), []);
  assert.ok((await readdir(join(tree, 'etc/pam.d'))).includes('login'));
  assert.deepEqual(await readdir(join(tree, 'dev')).then((names) => names.includes('mqueue')), false);
  assert.ok(
    lines.some((line) => /^Setting up systemd /.test(line)),
    'apt’s output is in the log',
  );
  // Packages set capabilities and owners; the confinement must not have kept them from it.
  assert.doesNotMatch(lines.join('\n'), /Operation not permitted|dpkg: error/);
});
