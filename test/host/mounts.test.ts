import assert from 'node:assert/strict';
import { chownSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { listContainers } from '../../src/nspawn/index.ts';
import { type ContainerStore, containerStore, output, outsideTestHost } from '../helpers/container-host.ts';
import { type Containers, containersOf } from '../helpers/containers.ts';
import { debianImage } from '../helpers/debian-image.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { waitFor } from '../helpers/wait-for.ts';

const hasAppArmor = existsSync('/sys/kernel/security/apparmor/profiles');
const strict = { tier: 'strict', ...(hasAppArmor ? {} : { apparmorProfile: 'unconfined' }) };

/** Parts of paths that mean something to nspawn, to unit files, to mount options or to a shell. */
const oddNames = ['a b', 'back\\slash', 'per%cent', 'dol$lar', 'q"uote', "it's", 'com,ma', 'semi;colon', 'é'];

describe('mounts of containers', { skip: outsideTestHost(), timeout: 200_000 }, () => {
  let store: ContainerStore;
  let containers: Containers;
  let host: string;
  const stack = new AsyncDisposableStack();
  before(async () => {
    store = stack.use(await containerStore('mounts'));
    containers = stack.use(containersOf(store));
    host = stack.use(await tempDir()).path;
  });
  after(() => stack.disposeAsync());

  const fails = (why: RegExp, name: string, ...command: string[]): Promise<void> =>
    assert.rejects(containers.inside(name, ...command), why);

  test('directories and files of the host are seen where they were asked for, to write or to read', async () => {
    for (const directory of ['shared', 'fixed']) mkdirSync(`${host}/${directory}`);
    writeFileSync(`${host}/fixed/note`, 'from the host\n');
    writeFileSync(`${host}/file`, 'one file\n');
    for (const name of oddNames) {
      mkdirSync(`${host}/${name}`);
      writeFileSync(`${host}/${name}/name`, name);
    }
    const binds = [
      `${host}/shared:/mnt/shared`,
      `${host}/fixed:/mnt/fixed:ro`,
      `${host}/file:/mnt/file`,
      ...oddNames.map((name) => `${host}/${name}:/mnt/odd/${name}:ro`),
    ];
    await containers.create('binds', { started: true, binds });
    await containers.inside('binds', 'touch', '/mnt/shared/made-inside');
    assert.ok(existsSync(`${host}/shared/made-inside`));
    assert.equal(await containers.inside('binds', 'cat', '/mnt/fixed/note'), 'from the host\n');
    await fails(/Read-only file system/, 'binds', 'touch', '/mnt/fixed/x');
    await containers.inside('binds', 'sh', '-c', 'echo written inside >/mnt/file');
    assert.equal(readFileSync(`${host}/file`, 'utf8'), 'written inside\n');
    for (const name of oddNames) {
      assert.equal(await containers.inside('binds', 'cat', `/mnt/odd/${name}/name`), name);
    }
    await containers.remove('binds');
    // What was bound is the host's, and stays.
    assert.ok(existsSync(`${host}/shared/made-inside`));
  });

  test('a device node can be opened as it was bound, and without it not at all', async () => {
    const device = '/dev/fuse';
    const { rdev } = statSync(device);
    const numbers = [String(rdev >> 8), String(rdev & 0xff)];
    // A node that came with the files, as by an import, stays what it is.
    for (const [name, binds] of [
      ['devices', [`${device}:/dev/given:ro`]],
      ['without', []],
    ] as const) {
      await containers.create(name, { binds });
      const files = `${store.layout.containerDir(name)}/upper/srv`;
      mkdirSync(files);
      await output('mknod', `${files}/node`, 'c', ...numbers);
      await containers.start(name);
    }
    const open = (how: string): string[] => ['sh', '-c', `exec 3${how}`];
    for (const node of ['/dev/given', '/srv/node']) {
      await containers.inside('devices', ...open(`<${node}`));
      await fails(/Operation not permitted/, 'devices', ...open(`<>${node}`));
    }
    await fails(/Operation not permitted/, 'without', ...open('</srv/node'));
    await fails(/Operation not permitted/, 'without', 'mknod', '/root/own', 'c', ...numbers);
    await containers.remove('devices');
    await containers.remove('without');

    // A node elsewhere than in /dev, to write too.
    const node = `${store.layout.dataDir}/node`;
    await output('mknod', node, 'c', ...numbers);
    await containers.create('devices', { started: true, binds: [`${node}:/dev/given`] });
    await containers.inside('devices', ...open('<>/dev/given'));
    await containers.remove('devices');
  });

  test('a read-only container boots, writes only where a bind lets it, and changes no file of its own', async () => {
    mkdirSync(`${host}/var`);
    mkdirSync(`${host}/home`);
    chownSync(`${host}/home`, 1000, 1000);
    const binds = [`${host}/var:/var`, `${host}/home:/home`, `${host}/fixed:/srv:ro`];
    await containers.create('sealed', { started: true, readOnly: true, binds });
    for (const path of ['/x', '/etc/x', '/usr/bin/x', '/srv/x']) {
      await fails(/Read-only file system/, 'sealed', 'touch', path);
    }
    await containers.inside('sealed', 'touch', '/var/kept', '/home/kept', '/tmp/gone', '/run/gone');
    assert.ok(existsSync(`${host}/var/kept`) && existsSync(`${host}/home/kept`));
    await waitFor('the boot to be done', async () => {
      const [listed] = await listContainers(store.layout);
      return listed?.health === 'ok';
    });
    await containers.remove('sealed');
  });

  test('what is read-only stays so for root of hardened and strict containers; a default one can undo it', async () => {
    const undoings = [
      'mount -o remount,bind,rw /',
      'mount -o remount,bind,rw /srv',
      'mkdir -p /run/copy && mount --bind /srv /run/copy && mount -o remount,bind,rw /run/copy',
    ];
    const tries = async (tier: string, input: Record<string, unknown>): Promise<void> => {
      await using kept = await tempDir();
      const name = `frozen-${tier}`;
      const binds = ['/var/tmp:/mnt:rw', `${kept.path}:/srv:ro`];
      await containers.create(name, { ...input, readOnly: true, binds, started: true });
      for (const path of ['/probe', '/etc/probe', '/var/probe', '/usr/bin/probe', '/srv/probe']) {
        await assert.rejects(containers.inside(name, 'touch', path), /Read-only file system/);
      }
      await containers.inside(name, 'touch', '/run/probe', '/tmp/probe');
      await containers.inside(name, 'test', '-w', '/mnt');
      const canUndo = tier === 'plain';
      for (const script of undoings) {
        const undone = containers.inside(name, 'sh', '-c', script);
        await (canUndo ? undone : assert.rejects(undone, /permission denied/, `${name}: ${script}`));
      }
      const written = containers.inside(name, 'touch', '/probe', '/srv/probe');
      await (canUndo ? written : assert.rejects(written, /Read-only file system/, name));
      assert.deepEqual(await readdir(kept.path), canUndo ? ['probe'] : []);
      await containers.remove(name);
    };
    await Promise.all([tries('plain', {}), tries('hardened', { tier: 'hardened' }), tries('strict', strict)]);
  });

  test('a rootfs that could be written to is the same after containers of every kind changed their files', async () => {
    const rootfs = store.layout.rootfsDir('writable');
    await output('cp', '-a', (await debianImage()).root, rootfs);
    // A time of change cannot be set, so it tells of all that is written, given away or renamed.
    const state = async (): Promise<Set<string>> => {
      const format = '%P %y %m %U:%G %s %n %T@ %C@ %l\\n';
      return new Set((await output('find', rootfs, '-printf', format)).split('\n'));
    };
    const before = await state();
    const change = [
      'echo changed >>/etc/issue',
      'chmod 0700 /usr/bin/passwd',
      'chown 1000 /etc/fstab',
      'rm /usr/bin/id',
      'mv /usr/share/doc /usr/share/moved',
    ].join(' && ');
    await using shifting = containersOf({
      ...store,
      settings: { ...store.settings, userns_mapping: 'shift' },
    });
    const kinds = {
      plain: { by: containers, input: {} },
      mapped: { by: containers, input: { userns: true } },
      shifted: { by: shifting, input: { userns: true } },
    };
    await Promise.all(
      Object.entries(kinds).map(async ([name, { by, input }]) => {
        await by.create(name, { ...input, rootfs: 'writable', started: true });
        await by.inside(name, 'sh', '-ec', change);
        await by.stop(name);
        await by.start(name);
        assert.equal(await by.inside(name, 'stat', '-c', '%a', '/usr/bin/passwd'), '700\n');
        await by.remove(name);
      }),
    );
    assert.deepEqual([...(await state()).symmetricDifference(before)], []);
  });
});
