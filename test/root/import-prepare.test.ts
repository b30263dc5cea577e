import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { type Context, detachedContext } from '../../src/base/context.ts';
import { SdmeError } from '../../src/base/errors.ts';
import { importRootfs } from '../../src/rootfs/import/import.ts';
import { type PreparationRequest, prepareTree } from '../../src/rootfs/prepare/prepare.ts';
import { importInput, openTestStore, rootMissing, type TestStore } from '../helpers/import-store.ts';
import { makeSmallTree } from '../helpers/small-tree.ts';

const skip = rootMissing() ?? false;

interface Seen extends Context {
  readonly said: string[];
}

function seeing(): Seen {
  const base = detachedContext();
  const said: string[] = [];
  const say = (line: string): void => void said.push(line);
  return { ...base, said, log: { info: say, warn: say, error: say } };
}

async function debianTree(store: TestStore, files: readonly string[] = []): Promise<string> {
  const tree = join(store.dir, 'tree');
  await makeSmallTree(tree);
  await writeFile(join(tree, 'etc/os-release'), 'ID=debian\n');
  for (const file of files) {
    await mkdir(join(tree, dirname(file)), { recursive: true });
    await writeFile(join(tree, file), '');
  }
  return tree;
}

const bootable = ['usr/lib/systemd/systemd', 'usr/bin/dbus-daemon', 'etc/pam.d/login'];
const auto: PreparationRequest = { installPackages: 'auto', force: false };
const yes: PreparationRequest = { installPackages: 'yes', force: false };

/** Settings under which the commands of the family debian are these. */
function debianCommands(...commands: string[]): Record<string, unknown> {
  return { distros: { debian: { import_prehook: commands } } };
}

const makesBootable = bootable.map((file) => `mkdir -p /${dirname(file)} && touch /${file}`);

test('a tree that can boot gets no packages, whatever the policy', { skip }, async () => {
  await using store = await openTestStore(debianCommands('exit 1'));
  const tree = await debianTree(store, bootable);
  await prepareTree(seeing(), store, tree, yes);
  await prepareTree(seeing(), store, tree, auto);
});

test('missing parts are installed by the family’s commands, in order, with the host’s resolver', {
  skip,
}, async () => {
  const first = 'cat /etc/resolv.conf > /seen; echo first > /order';
  await using store = await openTestStore(debianCommands(first, 'echo second >> /order', ...makesBootable));
  const tree = await debianTree(store);
  const ctx = seeing();
  await prepareTree(ctx, store, tree, yes);
  assert.equal(await readFile(join(tree, 'order'), 'utf8'), 'first\nsecond\n');
  assert.equal(await readFile(join(tree, 'seen'), 'utf8'), await readFile('/etc/resolv.conf', 'utf8'));
  assert.ok(!(await readdir(join(tree, 'etc'))).includes('resolv.conf'));
  assert.ok(ctx.said.includes(`+ ${first}`));
});

test('without the configuration of logins the commands run too, or it is said that they did not', {
  skip,
}, async () => {
  await using store = await openTestStore(debianCommands('mkdir -p /etc/pam.d && touch /etc/pam.d/login'));
  const tree = await debianTree(store, bootable.slice(0, 2));
  const ctx = seeing();
  await prepareTree(ctx, store, tree, auto);
  assert.ok(ctx.said.some((line) => line.startsWith('etc/pam.d/login not found in rootfs')));
  await prepareTree(seeing(), store, tree, yes);
  assert.ok((await readdir(join(tree, 'etc/pam.d'))).includes('login'));
});

test('commands that leave the parts missing, or fail, fail the preparation', { skip }, async () => {
  await using store = await openTestStore(debianCommands('id'));
  const tree = await debianTree(store);
  await assert.rejects(
    prepareTree(seeing(), store, tree, yes),
    (error) =>
      error instanceof SdmeError &&
      error.code === 'rootfs.incomplete' &&
      error.message.includes('still not found after package installation'),
  );
  await using failing = await openTestStore(debianCommands('echo no route >&2; exit 100'));
  await assert.rejects(
    prepareTree(seeing(), failing, tree, yes),
    (error) =>
      error instanceof SdmeError && error.code === 'process.failed' && /no route/.test(error.message),
  );
});

test('cancel of an import while its commands run leaves no process, no mount and nothing in the store', {
  skip,
}, async () => {
  await using store = await openTestStore(debianCommands('echo begun; sleep 86396 & sleep 86396'));
  const source = await debianTree(store);
  for (const name of ['proc', 'sys', 'dev']) await mkdir(join(source, name), { recursive: true });
  const stop = new AbortController();
  const base = detachedContext(stop.signal);
  const cancelWhenBegun = (line: string): void => {
    if (line === 'begun') stop.abort(new SdmeError('job.cancelled', 'cancelled by the test'));
  };
  await assert.rejects(
    importRootfs(
      { ...base, log: { ...base.log, info: cancelWhenBegun } },
      store,
      importInput(source, { installPackages: 'yes' }),
    ),
    /cancelled by the test/,
  );
  assert.deepEqual(await readdir(store.layout.fsDir), []);
  assert.ok(!(await readFile('/proc/self/mountinfo', 'utf8')).includes(store.layout.fsDir));
  const commands = await Promise.all(
    (await readdir('/proc')).map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  );
  assert.ok(!commands.some((line) => line.split('\0').includes('86396')));
});

test('without a person to ask, a tree that cannot boot is refused, or taken with -f', { skip }, async () => {
  await using store = await openTestStore(debianCommands('exit 1'));
  const tree = await debianTree(store);
  await assert.rejects(
    prepareTree(seeing(), store, tree, auto),
    /systemd and dbus not found in rootfs and running non-interactively/,
  );
  const ctx = seeing();
  await prepareTree(ctx, store, tree, { ...auto, force: true });
  assert.ok(ctx.said.some((line) => /going on because of -f/.test(line)));
});

test('masks of resolved and logind are taken back, other units stay as they are', { skip }, async () => {
  await using store = await openTestStore();
  const tree = await debianTree(store, bootable);
  const units = join(tree, 'etc/systemd/system');
  await mkdir(units, { recursive: true });
  for (const unit of ['systemd-resolved', 'systemd-logind', 'other']) {
    await symlink('/dev/null', join(units, `${unit}.service`));
  }
  await prepareTree(seeing(), store, tree, auto);
  assert.deepEqual(await readdir(units), ['other.service']);
});

test('a tree of NixOS is left as it is', { skip }, async () => {
  await using store = await openTestStore();
  const tree = await debianTree(store, ['run/current-system/systemd/lib/systemd/systemd', 'bin/dbus-daemon']);
  await writeFile(join(tree, 'etc/os-release'), 'ID=nixos\n');
  await mkdir(join(tree, 'etc/systemd/system'), { recursive: true });
  const mask = join(tree, 'etc/systemd/system/systemd-logind.service');
  await symlink('/dev/null', mask);
  await prepareTree(seeing(), store, tree, auto);
  assert.equal(await readlink(mask), '/dev/null');
});

test('B18 links of the tree lead none of the preparation out of it', { skip }, async () => {
  await using store = await openTestStore(debianCommands(...makesBootable));
  const tree = await debianTree(store);
  const outside = join(store.dir, 'outside');
  await mkdir(join(outside, 'systemd/system'), { recursive: true });
  await symlink('/dev/null', join(outside, 'systemd/system/systemd-logind.service'));
  await symlink(outside, join(tree, 'etc/systemd'));
  await prepareTree(seeing(), store, tree, yes);
  assert.deepEqual(await readdir(outside), ['systemd']);
  assert.deepEqual(await readdir(join(outside, 'systemd/system')), ['systemd-logind.service']);

  await symlink(outside, join(tree, 'proc2'));
  await rm(join(tree, 'proc'), { recursive: true });
  await rename(join(tree, 'proc2'), join(tree, 'proc'));
  await rm(join(tree, 'usr/bin/dbus-daemon'));
  await assert.rejects(
    prepareTree(seeing(), store, tree, yes),
    (error) => error instanceof SdmeError && error.code === 'unpack.entry-invalid',
  );
});
