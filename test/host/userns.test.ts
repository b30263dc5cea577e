import assert from 'node:assert/strict';
import { chownSync, lstatSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { handleContainerCreate } from '../../jobs/container-create.ts';
import { handleContainerRm } from '../../jobs/container-rm.ts';
import { handleContainerStart } from '../../jobs/container-start.ts';
import { contracts, type InputOf } from '../../src/contracts/index.ts';
import { execCommand } from '../../src/nspawn/exec-command.ts';
import { pickedUidBase, uidRangeSize } from '../../src/security/uid-ranges.ts';
import { listMounts } from '../../src/system/mounts.ts';
import {
  type ContainerStore,
  containerStore,
  loggedContext,
  output,
  outsideTestHost,
  traces,
} from '../helpers/container-host.ts';
import { withChildren } from '../helpers/containers.ts';
import { debianImage } from '../helpers/debian-image.ts';
import { waitFor } from '../helpers/wait-for.ts';

const create = (input: Record<string, unknown>): InputOf<'container.create'> =>
  contracts['container.create'].input.parse(input);

function execInside(container: string, ...command: string[]): Promise<string> {
  const { program, args } = execCommand({ container, command });
  return output(program, ...args);
}

/** Owners of everything below a directory, itself included, as `uid path`. */
async function ownersBelow(directory: string): Promise<{ path: string; uid: number; gid: number }[]> {
  const paths = ['', ...(await readdir(directory, { recursive: true }))];
  return paths.map((path) => {
    const { uid, gid } = lstatSync(join(directory, path));
    return { path, uid, gid };
  });
}

describe('user namespaces without copying', { skip: outsideTestHost(), timeout: 300_000 }, () => {
  let store: ContainerStore;
  const stack = new AsyncDisposableStack();
  before(async () => {
    store = stack.use(await containerStore('userns', { userns_mapping: 'idmap' }));
  });
  after(() => stack.disposeAsync());

  const made = async (name: string, more: Record<string, unknown> = {}): Promise<void> => {
    const input = create({ name, rootfs: 'debian', userns: true, ...more });
    await handleContainerCreate(loggedContext().ctx, input, store);
  };
  const start = async (name: string): Promise<string[]> => {
    const { ctx, lines } = withChildren(store);
    await handleContainerStart(ctx, { name, timeout: 60 }, store);
    return lines;
  };
  const remove = async (name: string): Promise<void> => {
    await handleContainerRm(loggedContext().ctx, { name }, store);
    assert.deepEqual(await traces(store.layout, name), []);
  };
  const upper = (name: string): string => join(store.layout.containerDir(name), 'upper');

  test('files get their ids by a mapped mount: nothing is copied, and what is written belongs to the range', async () => {
    await made('mapped', { started: true, timeout: 60 });
    const base = pickedUidBase('mapped');
    const state = readFileSync(store.layout.stateFile('mapped'), 'utf8');
    assert.match(
      state,
      new RegExp(`^USERNS=yes\nUSERNS_MAPPING=idmap\nUSERNS_RANGE=65536\nUSERNS_SHIFT=${base}$`, 'm'),
    );
    assert.match(
      await execInside('mapped', 'cat', '/proc/self/uid_map'),
      new RegExp(`^\\s*0\\s+${base}\\s+65536\\s*$`),
    );
    assert.match(
      await execInside('mapped', 'stat', '-c', '%u:%g %a', '/usr/bin/su', '/root'),
      /^0:0 4755\n0:0 700\n$/,
    );
    await execInside(
      'mapped',
      'sh',
      '-c',
      'touch /root/of-root && touch /var/of-daemon && chown daemon:daemon /var/of-daemon',
    );
    assert.equal(lstatSync(join(upper('mapped'), 'root/of-root')).uid, base);
    assert.equal(lstatSync(join(upper('mapped'), 'var/of-daemon')).uid, base + 1);
    const owners = await ownersBelow(upper('mapped'));
    const foreign = owners.filter(({ uid, gid }) =>
      [uid, gid].some((id) => id < base || id >= base + uidRangeSize),
    );
    assert.deepEqual(foreign, []);
    assert.ok(owners.length < 200, `${owners.length} files in the container's own layer`);
    await remove('mapped');
  });

  test('D7 what belongs to users beyond the range belongs to nobody inside, and no set-user-ID bit acts', async () => {
    const rootfs = store.layout.rootfsDir('foreign');
    await output('cp', '--archive', (await debianImage()).root, rootfs);
    await output('cp', join(rootfs, 'usr/bin/id'), join(rootfs, 'usr/bin/id-of-another'));
    await output('chown', '70000:65536', join(rootfs, 'usr/bin/id-of-another'));
    await output('chmod', '6755', join(rootfs, 'usr/bin/id-of-another'));
    await made('beyond', { rootfs: 'foreign', started: true, timeout: 60 });
    const inside = (command: string): Promise<string> => execInside('beyond', 'sh', '-c', command);
    assert.equal(await inside('stat -c "%u:%g" /usr/bin/id-of-another'), '65534:65534\n');
    assert.equal(await inside('id-of-another -u; id-of-another -g'), '0\n0\n');
    assert.match(await inside('chown 0 /usr/bin/id-of-another 2>&1 || true'), /chown: .*id-of-another/);
    await remove('beyond');
  });

  test("a container's range is the one that nspawn itself picks for a machine of its name", async () => {
    for (const name of ['mybox', 'web']) {
      const picked = await output(
        'systemd-nspawn',
        '--quiet',
        `--directory=${(await debianImage()).root}`,
        `--machine=${name}`,
        ...['--private-users=pick', '--private-users-ownership=off', '--read-only', '--register=no'],
        ...['--keep-unit', '--pipe', '--as-pid2', '/bin/cat', '/proc/self/uid_map'],
      );
      assert.match(picked, new RegExp(`^\\s*0\\s+${pickedUidBase(name)}\\s+65536\\s*$`));
      await made(name);
      assert.match(
        readFileSync(store.layout.stateFile(name), 'utf8'),
        new RegExp(`^USERNS_SHIFT=${pickedUidBase(name)}$`, 'm'),
      );
      await remove(name);
    }
  });

  test('a range with ids of an account, or given to one, is nobody else’s, whenever the account came', async () => {
    const name = 'squatted';
    const slot = (index: number): number => pickedUidBase(name) + index * uidRangeSize;
    const recorded = (): number =>
      Number(/^USERNS_SHIFT=(\d+)$/m.exec(readFileSync(store.layout.stateFile(name), 'utf8'))?.[1]);
    await using accounts = new AsyncDisposableStack();
    const account = async (user: string, ...options: string[]): Promise<void> => {
      await output('useradd', '--badname', '--no-create-home', ...options, user);
      accounts.defer(async () => void (await output('userdel', user)));
    };
    const given = (index: number): string[] => ['--add-subuids', `${slot(index)}-${slot(index) + 9}`];
    await account('squat', '--uid', `${slot(0)}`, '--no-user-group', '--gid', '0');
    await output('groupadd', '--gid', `${slot(1) + 1000}`, 'squatters');
    accounts.defer(async () => void (await output('groupdel', 'squatters')));
    await output('usermod', ...given(2), 'squat');
    // One that is in no file of accounts: systemd's own source of them knows it (nss-systemd(8)).
    const dropIn = `/etc/userdb/${slot(3)}.user`;
    mkdirSync('/etc/userdb', { recursive: true });
    writeFileSync(dropIn, JSON.stringify({ userName: 'elsewhere', uid: slot(3), gid: 0 }));
    accounts.defer(() => rmSync(dropIn));
    assert.match(await output('getent', 'passwd', `${slot(3)}`), /^elsewhere:/);
    await made(name);
    assert.equal(recorded(), slot(4));

    await output('usermod', ...given(4), 'squat');
    const lines = await start(name);
    assert.equal(lines[0], `warning: UID range ${slot(4)} conflicts with ids of account 'squat'`);
    assert.equal(recorded(), slot(5));
    const owners = await ownersBelow(upper(name));
    assert.deepEqual(
      owners.filter(({ uid }) => uid < slot(5) || uid >= slot(6)),
      [],
    );
    const unit = `sdme@${name}.service`;
    assert.equal(await output('systemctl', 'show', '-P', 'ActiveState', unit), 'active\n');
    // As systemd does by itself at boot.
    await output('systemctl', 'stop', unit);
    await account('late', '--uid', `${slot(5)}`, '--no-user-group', '--gid', '0');
    await assert.rejects(output('systemctl', 'start', unit));
    assert.match(
      await output('journalctl', `--unit=${unit}`, '--lines=10', '--output=cat'),
      new RegExp(`ids from ${slot(5)} on are of account late now`),
    );
    await remove(name);
  });

  test('a container whose unit was killed comes back with its mounts and its files', async () => {
    await made('killed', { started: true, timeout: 60 });
    await execInside('killed', 'touch', '/root/kept');
    await output('systemctl', 'kill', '--kill-whom=all', '--signal=KILL', 'sdme@killed.service');
    await waitFor('the unit to fail', async () =>
      (await output('systemctl', 'show', '-P', 'ActiveState', 'sdme@killed.service')).startsWith('failed'),
    );
    await start('killed');
    assert.equal(await execInside('killed', 'stat', '-c', '%u', '/root/kept'), '0\n');
    // As systemd starts it when the host boots, without any program of ours.
    await output('systemctl', 'stop', 'sdme@killed.service');
    const below = (await listMounts()).filter(({ mountPoint }) => mountPoint.includes('/containers/killed/'));
    assert.deepEqual(below, []);
    await output('systemctl', 'start', 'sdme@killed.service');
    await waitFor('the container to answer', () =>
      execInside('killed', 'stat', '-c', '%u', '/root/kept').then(
        (owner) => owner === '0\n',
        () => false,
      ),
    );
    await remove('killed');
  });

  test('what is bound into it has its owners on both sides: directories and files mapped, device nodes as they are', async (t) => {
    const shared = join(store.layout.dataDir, 'shared');
    mkdirSync(shared);
    writeFileSync(join(shared, 'file'), '');
    chownSync(join(shared, 'file'), 1000, 1000);
    const binds = [`${shared}:/mnt/shared`, `${shared}:/mnt/fixed:ro`, `${shared}/file:/mnt/file`];
    const devices = ['/dev/fuse:/dev/given', '/dev/null:/mnt/null:ro'];
    await made('bound', { binds: [...binds, ...devices], started: true, timeout: 60 });
    const owners = await execInside(
      'bound',
      ...[
        'stat',
        '-c',
        '%u:%g',
        '/mnt/shared',
        '/mnt/shared/file',
        '/mnt/fixed/file',
        '/mnt/file',
        '/dev/given',
      ],
    );
    assert.equal(owners, '0:0\n1000:1000\n1000:1000\n1000:1000\n65534:65534\n');
    await execInside('bound', 'touch', '/mnt/shared/made');
    const { uid, gid } = lstatSync(join(shared, 'made'));
    assert.deepEqual([uid, gid], [0, 0]);
    await assert.rejects(execInside('bound', 'touch', '/mnt/fixed/x'), /Read-only file system/);
    await execInside('bound', 'sh', '-c', 'exec 3<>/dev/given 4</mnt/null');
    await remove('bound');

    // Where it cannot be mapped, that is said instead of a container that does not boot.
    if ((await listMounts()).find(({ mountPoint }) => mountPoint === '/')?.fsType !== 'overlay') {
      return t.diagnostic('no path here is on a file system that cannot be mapped');
    }
    await assert.rejects(made('unbound', { binds: ['/etc:/mnt:ro'] }), {
      code: 'system.unsupported',
      message: /^\/etc cannot be bound into a container with users of its own, .* do without --userns$/,
    });
    assert.deepEqual(await traces(store.layout, 'unbound'), []);
  });

  test('a container whose nspawn alone was killed starts again over what that left, and is removed from it', async () => {
    await made('orphan', { started: true, timeout: 60 });
    await execInside('orphan', 'touch', '/root/kept');
    const kill = async (): Promise<void> => {
      const main = await output('systemctl', 'show', '-P', 'MainPID', 'sdme@orphan.service');
      process.kill(Number(main), 'SIGKILL');
      await waitFor('the unit to fail', async () =>
        (await output('systemctl', 'show', '-P', 'ActiveState', 'sdme@orphan.service')).startsWith('failed'),
      );
      // As if the unit had not come to unmount either.
      for (const layer of ['lower', 'merged']) {
        await output('mount', '-t', 'tmpfs', 'left', join(store.layout.containerDir('orphan'), layer));
      }
    };
    await kill();
    await start('orphan');
    const tree = store.layout.containerDir('orphan');
    const mounts = (await listMounts()).filter(({ mountPoint }) => mountPoint.startsWith(`${tree}/`));
    assert.deepEqual(
      mounts.filter(({ fsType }) => fsType === 'tmpfs'),
      [],
      'what was left is gone',
    );
    assert.equal(await execInside('orphan', 'stat', '-c', '%u', '/root/kept'), '0\n');
    await kill();
    await remove('orphan');
  });

  test('a range that another machine has taken meanwhile is left to it, and all files get the new one', async () => {
    await made('first', { started: true, timeout: 60 });
    const taken = pickedUidBase('first');
    await made('second');
    const state = store.layout.stateFile('second');
    await output('sed', '-i', `s/^USERNS_SHIFT=.*/USERNS_SHIFT=${taken}/`, state);
    await output('chown', '-R', `${taken}:${taken}`, upper('second'));
    const lines = await start('second');
    const own = Number(/^USERNS_SHIFT=(\d+)$/m.exec(readFileSync(state, 'utf8'))?.[1]);
    assert.ok(own >= taken + uidRangeSize || own + uidRangeSize <= taken, String(own));
    assert.deepEqual(lines.slice(0, 2), [
      `warning: UID range ${taken} conflicts with running container 'first'`,
      `falling back to nspawn's pick of a free range: ${own}`,
    ]);
    assert.match(await execInside('second', 'cat', '/proc/self/uid_map'), new RegExp(`^\\s*0\\s+${own}\\s`));
    const owners = await ownersBelow(upper('second'));
    assert.deepEqual(
      owners.filter(({ uid }) => uid < own || uid >= own + uidRangeSize),
      [],
    );
    // As systemd does by itself at boot.
    await output('systemctl', 'stop', 'sdme@second.service');
    const dropIn = '/etc/systemd/system/sdme@second.service.d/nspawn.conf';
    const ends = `s/ ${own + uidRangeSize}$/ ${taken + uidRangeSize}/`;
    await output('sed', '-i', `s/${own}/${taken}/g; ${ends}`, dropIn);
    await output('systemctl', 'daemon-reload');
    await assert.rejects(output('systemctl', 'start', 'sdme@second.service'));
    assert.match(
      await output('journalctl', '--unit=sdme@second.service', '--lines=10', '--output=cat'),
      new RegExp(`ids from ${taken} on are of a running machine now`),
    );
    await remove('second');
    await remove('first');
  });

  test('nested ranges are one long range that overlaps no other, and user namespaces inside can have them', async () => {
    const given = join(store.layout.dataDir, 'given');
    writeFileSync(given, '');
    chownSync(given, 70_000, 70_000);
    const nested = { binds: [`${given}:/mnt/given`], started: true, timeout: 60 };
    const bases: number[] = [];
    // A name whose own pick lies in the range of the first.
    const inFirst = (name: string): boolean => pickedUidBase(name) === pickedUidBase('nest-a') + uidRangeSize;
    const other = Array.from({ length: 1_000_000 }, (_, index) => `nest-${index}`).find(inFirst);
    assert.ok(other !== undefined);
    // So many that the unit must not ask for each by itself; and few.
    for (const [name, usernsNested] of [
      ['nest-a', 400],
      [other, 2],
    ] as const) {
      await made(name, { ...nested, usernsNested });
      const length = String((1 + usernsNested) * uidRangeSize);
      const [, inside, base, size] = /^\s*(\d+)\s+(\d+)\s+(\d+)\s*$/.exec(
        await execInside(name, 'cat', '/proc/self/uid_map'),
      ) ?? [''];
      assert.deepEqual([inside, size], ['0', length]);
      const state = readFileSync(store.layout.stateFile(name), 'utf8');
      assert.match(state, new RegExp(`^USERNS_RANGE=${length}\nUSERNS_SHIFT=${base}$`, 'm'));
      bases.push(Number(base));
    }
    const [first = 0, second = 0] = bases;
    assert.ok(
      second >= first + 401 * uidRangeSize || second + 3 * uidRangeSize <= first,
      `${first} ${second}`,
    );
    const map = ['--map-users=65536,0,65536', '--map-groups=65536,0,65536', '--setgroups=allow'];
    const below = await execInside(
      'nest-a',
      ...['unshare', '--user', ...map, '--setuid=0', 'sh', '-c'],
      'cat /proc/self/uid_map; id -u',
    );
    assert.match(below, /^\s*0\s+65536\s+65536\n0\n$/);
    await execInside('nest-a', 'sh', '-c', 'touch /root/inner && chown 65537 /root/inner');
    assert.equal(lstatSync(join(upper('nest-a'), 'root/inner')).uid, first + 65_537);
    assert.equal(await execInside('nest-a', 'stat', '-c', '%u:%g', '/mnt/given'), '70000:70000\n');
    for (const name of ['nest-a', other]) await remove(name);
  });

  test('in a user namespace no container is made, and why is said before anything is there', async () => {
    const { dataDir, runtimeDir } = store.layout;
    const script = fileURLToPath(new URL('create-in-child.ts', import.meta.url));
    const command = [process.execPath, script, 'nested', dataDir, runtimeDir];
    const making = output('unshare', '--user', '--map-root-user', ...command);
    await assert.rejects(making, /mknod is refused: it takes the initial user namespace/);
    assert.deepEqual(await traces(store.layout, 'nested'), []);
    await made('nested');
    await remove('nested');
  });

  for (const tier of ['hardened', 'strict']) {
    test(`a ${tier} container boots over a mapped rootfs`, async () => {
      await made(tier, { tier, apparmorProfile: 'unconfined', started: true, timeout: 60 });
      assert.match(await execInside(tier, 'cat', '/proc/self/uid_map'), /^\s*0\s+\d{6,}\s+65536\s*$/);
      await remove(tier);
    });
  }
});
