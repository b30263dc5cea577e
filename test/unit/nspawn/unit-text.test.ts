import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { layoutOf } from '../../../src/base/paths.ts';
import { plainFacts } from '../../../src/nspawn/arguments.ts';
import { deviceSpecifier } from '../../../src/nspawn/device-specifier.ts';
import { limitsConfText } from '../../../src/nspawn/limits-conf.ts';
import { type NspawnConfOptions, nspawnConfText } from '../../../src/nspawn/nspawn-conf.ts';
import { parseRecord } from '../../../src/nspawn/record.ts';
import { refuseSymlinks } from '../../../src/nspawn/symlinks.ts';
import { dropInDirectory, templateUnitText, unitName } from '../../../src/nspawn/template-unit.ts';
import { namesakeLine } from '../../../src/nspawn/unit-guards.ts';
import { quoteCommand } from '../../../src/nspawn/unit-quote.ts';

const layout = layoutOf('/var/lib/sdme', '/run/sdme');
const programs = {
  nspawn: '/usr/bin/systemd-nspawn',
  mount: '/usr/bin/mount',
  umount: '/usr/bin/umount',
  nsenter: '/usr/bin/nsenter',
  busctl: '/usr/bin/busctl',
  getent: '/usr/bin/getent',
  timeout: '/usr/bin/timeout',
  sh: '/bin/sh',
};

function conf(state: string, more: Partial<NspawnConfOptions> = {}): string {
  return nspawnConfText({
    record: parseRecord(`NAME=web\nROOTFS=debian\n${state}`),
    layout,
    programs,
    facts: plainFacts,
    submounts: [],
    podNetns: undefined,
    restartSec: 2,
    ...more,
  });
}

/** The line by which systemd looks at what must be no symlink, in the tree that is mounted at `merged`. */
const guard = (...paths: string[]): string =>
  `ExecStartPre=${quoteCommand('/bin/sh', ['-c', refuseSymlinks, 'sh', ...paths])}`;

const namesake = namesakeLine(parseRecord('NAME=web\nROOTFS=\n'), programs);

const template = `\
[Unit]
Description=sdme container %i
After=network.target local-fs.target systemd-machined.service dbus.service nss-user-lookup.target
Wants=systemd-machined.service

[Service]
Type=notify
RestartForceExitStatus=133
SuccessExitStatus=133
ExecStart=/bin/false
KillMode=mixed
Slice=machine.slice
Delegate=yes
DelegateSubgroup=supervisor
TasksMax=16384
DevicePolicy=closed
DeviceAllow=/dev/net/tun rwm
DeviceAllow=char-pts rw
TimeoutStartSec=90s

[Install]
WantedBy=multi-user.target
`;

test('the template unit has the directives of contract 3.1', () => {
  const options = { tasksMax: 16384, bootTimeout: 60, systemdVersion: 257 };
  assert.equal(templateUnitText(options), template);
  assert.equal(
    templateUnitText({ ...options, systemdVersion: 255 }),
    template.replace('DelegateSubgroup=supervisor\n', ''),
  );
  assert.equal(unitName('web'), 'sdme@web.service');
  assert.equal(dropInDirectory('web'), '/etc/systemd/system/sdme@web.service.d');
});

test('a default container has the nspawn.conf of contract 3.2', () => {
  assert.equal(
    conf(''),
    `\
[Service]
ExecStart=
ExecStartPre=/usr/bin/mount -t overlay overlay -o lowerdir=/var/lib/sdme/fs/debian,upperdir=/var/lib/sdme/containers/web/upper,workdir=/var/lib/sdme/containers/web/work /var/lib/sdme/containers/web/merged
${guard('/var/lib/sdme/containers/web/merged/dev', '/var/lib/sdme/containers/web/merged/run')}
${namesake}
ExecStart=/usr/bin/systemd-nspawn --directory=/var/lib/sdme/containers/web/merged --machine=web --keep-unit --resolv-conf=auto --link-journal=no --boot
ExecStopPost=-/usr/bin/umount /var/lib/sdme/containers/web/merged
`,
  );
});

const everything = `\
POD=p
OCI_POD=q
PRIVATE_NETWORK=1
NETWORK_ZONE=z
PORTS=tcp:80:80,udp:53:53
BINDS=/srv:/srv:rw|/dev/fuse:/dev/fuse:rw|/a b:/c:ro
ENVS=GREETING=hello $USER 100%
USERNS=yes
DROP_CAPS=CAP_SYS_PTRACE,CAP_NET_RAW
ADD_CAPS=CAP_BPF
NO_NEW_PRIVS=yes
READ_ONLY=yes
SYSCALL_FILTER=~@mount,~@raw-io
APPARMOR_PROFILE=sdme-test
SYSTEMD_LOG_LEVEL=debug
RESTART_POLICY=on-failure
RESTART_SEC=7
`;
const everythingFacts: Partial<NspawnConfOptions> = {
  podNetns: '/run/sdme/pods/p/netns',
  facts: {
    deviceNode: (path) => (path === '/dev/fuse' ? path : undefined),
    podHasDns: true,
    ociPodNetns: '/run/sdme/pods/q/netns',
    ownUsernsBase: 0,
    deniedCalls: ['ioperm', 'mount'],
  },
};

test('every key of the record becomes its line and argument, in the order of contract 3.2 and 3.3', () => {
  const lines = conf(everything, everythingFacts).split('\n');
  assert.deepEqual(lines.slice(0, 7), [
    '[Service]',
    'Environment=SYSTEMD_LOG_LEVEL=debug',
    'AppArmorProfile=sdme-test',
    'Restart=on-failure',
    'RestartSec=7s',
    'DeviceAllow=/dev/fuse rwm',
    'ExecStart=',
  ]);
  assert.equal(
    lines.find((line) => line.startsWith('ExecStart=/')),
    'ExecStart=/usr/bin/nsenter --net=/run/sdme/pods/p/netns -- /usr/bin/systemd-nspawn ' +
      '--directory=/var/lib/sdme/containers/web/merged --machine=web --keep-unit ' +
      '--resolv-conf=off --network-zone=z --port=tcp:80:80 --port=udp:53:53 --link-journal=no ' +
      '--bind=/srv:/srv:idmap --bind=/dev/fuse:/dev/fuse "--bind-ro=/a b:/c:idmap" ' +
      '"--setenv=GREETING=hello $$USER 100%%" ' +
      '--bind-ro=/run/sdme/pods/q/netns:/run/sdme/oci-pod-netns ' +
      '--private-users=pick --private-users-ownership=auto ' +
      '--drop-capability=CAP_SYS_PTRACE --drop-capability=CAP_NET_RAW --capability=CAP_BPF ' +
      '--no-new-privileges=yes --read-only --system-call-filter=~@mount --system-call-filter=~@raw-io ' +
      '"--system-call-filter=~ioperm mount" --boot',
  );
});

test('a device node that is bound may be opened inside, as it is bound', () => {
  const facts = { ...plainFacts, deviceNode: (path: string) => (path === '/etc' ? undefined : path) };
  const text = conf('BINDS=/dev/fuse:/dev/fuse:ro|/etc:/mnt:rw|/dev/kvm:/x:rw\n', { facts });
  assert.deepEqual(text.match(/^DeviceAllow=.*$/gm), ['DeviceAllow=/dev/fuse r', 'DeviceAllow=/dev/kvm rw']);
  // Numbers as makedev(3) packs them.
  assert.equal(deviceSpecifier('/dev/dri/card0', 'char', 0xe2_00), '/dev/dri/card0');
  assert.equal(deviceSpecifier('/srv/fuse', 'char', 0x0a_e5), '/dev/char/10:229');
  assert.equal(deviceSpecifier('/dev/a b', 'block', 0x1_20_23_34), '/dev/block/35:4660');
});

test('an automatic restart is not refused for what a killed nspawn left', () => {
  const last = conf('RESTART_POLICY=on-failure\n').trimEnd().split('\n').at(-1) ?? '';
  assert.match(last, /^ExecStopPost=-\/bin\/sh -c ".* UnregisterMachine s \\"\$\$6\\"" sh /);
  assert.ok(
    last.endsWith(
      ' sh /usr/bin/busctl /org/freedesktop/machine1/machine/web sdme@web.service /usr/bin/umount /run/systemd/nspawn/unix-export/web web',
    ),
    last,
  );
});

test('a container does not start when what is bound into an application leads over a link', () => {
  const text = conf('BINDS=/srv/host:/oci/apps/a/root/x%/y:rw|/srv/host:/srv:rw\n');
  const upper = '/var/lib/sdme/containers/web/upper/oci/apps/a/root';
  assert.ok(
    text.endsWith(
      `\n\n[Unit]\nAssertPathIsSymbolicLink=!${upper}/x%%\nAssertPathIsSymbolicLink=!${upper}/x%%/y\n`,
    ),
    text,
  );
});

test('a container with a profile does not start where AppArmor is off, unless the profile was waived', () => {
  assert.match(conf('APPARMOR_PROFILE=own\n'), /\n\n\[Unit\]\nAssertSecurity=apparmor\n$/);
  assert.doesNotMatch(conf('APPARMOR_PROFILE=unconfined\n'), /AssertSecurity/);
});

test('without a pod a private network is asked for, and nspawn looks after resolv.conf', () => {
  const line = conf('PRIVATE_NETWORK=1\nNETWORK_VETH=1\n');
  assert.match(
    line,
    /--keep-unit --private-network --resolv-conf=auto --network-veth --link-journal=no --boot/,
  );
});

test('a chosen user namespace is named from the own one, and a wide one is not shifted by nspawn', () => {
  assert.match(
    conf('USERNS=yes\nUSERNS_SHIFT=655360\n'),
    /--private-users=655360:65536 --private-users-ownership=auto/,
  );
  const nested = { facts: { ...plainFacts, ownUsernsBase: 524288 } };
  assert.match(
    conf('USERNS=yes\nUSERNS_SHIFT=655360\nUSERNS_RANGE=196608\n', nested),
    /--private-users=131072:196608 --private-users-ownership=off/,
  );
});

test('a mapped user namespace binds the rootfs with moved ids below the overlay, and leaves no owner to nspawn', () => {
  const dir = '/var/lib/sdme/containers/web';
  const state = 'USERNS=yes\nUSERNS_SHIFT=1587085312\nUSERNS_RANGE=65536\nUSERNS_MAPPING=idmap\n';
  const lines = conf(state).split('\n');
  assert.deepEqual(
    lines
      .filter((line) => /^Exec(StartPre|StopPost)/.test(line))
      .map((line) => line.replace(/ -c ".*MapToMachineUser.*" sh /, ' -c IDS sh '))
      .filter((line) => line !== namesake),
    [
      `ExecStartPre=/usr/bin/mount --bind -o X-mount.idmap=b:0:1587085312:65536 /var/lib/sdme/fs/debian ${dir}/lower`,
      `ExecStartPre=/usr/bin/mount -t overlay overlay -o lowerdir=${dir}/lower,upperdir=${dir}/upper,workdir=${dir}/work ${dir}/merged`,
      guard(`${dir}/merged/dev`, `${dir}/merged/run`),
      'ExecStartPre=/bin/sh -c IDS sh /usr/bin/getent /usr/bin/timeout /usr/bin/busctl 1587085312 1587150848',
      `ExecStopPost=-/usr/bin/umount ${dir}/merged`,
      `ExecStopPost=-/usr/bin/umount ${dir}/lower`,
    ],
  );
  assert.match(lines.join('\n'), / --private-users=1587085312:65536 --private-users-ownership=off /);
});

test('where files are given away only their owners are copied, and the layers are always mounted so', () => {
  const dir = '/var/lib/sdme/containers/web';
  const state = 'USERNS=yes\nUSERNS_SHIFT=1587085312\nUSERNS_RANGE=65536\nUSERNS_MAPPING=shift\n';
  assert.ok(conf(state).includes(`workdir=${dir}/work,metacopy=on ${dir}/merged\n`));
});

test('a host-root clone overlays the root and each mount point, and unmounts them in reverse', () => {
  const text = nspawnConfText({
    record: parseRecord('NAME=web\nROOTFS=\n'),
    layout,
    programs,
    facts: plainFacts,
    submounts: ['/home', '/home/data'],
    podNetns: undefined,
    restartSec: 2,
  });
  const dir = '/var/lib/sdme/containers/web';
  assert.ok(
    text.includes(`ExecStartPre=/usr/bin/mount -t overlay overlay -o lowerdir=/,upperdir=${dir}/upper`),
  );
  assert.ok(
    text.includes(
      `ExecStartPre=-/usr/bin/mount -t overlay overlay -o lowerdir=/home,upperdir=${dir}/submounts/home/upper,workdir=${dir}/submounts/home/work ${dir}/submounts/home/merged\n`,
    ),
  );
  // Put in their places by nspawn: below `merged`, a symlink of the container's could lead anywhere on the host.
  assert.ok(
    text.includes(
      ` --bind=${dir}/submounts/home/merged:/home --bind=${dir}/submounts/home/data/merged:/home/data --boot\n`,
    ),
  );
  const stops = text.split('\n').filter((line) => line.startsWith('ExecStopPost='));
  assert.deepEqual(
    stops,
    ['submounts/home/data/merged', 'submounts/home/merged', 'merged'].map(
      (path) => `ExecStopPost=-/usr/bin/umount ${dir}/${path}`,
    ),
  );
});

test('a bind path with characters that nspawn splits at is escaped for nspawn', () => {
  assert.match(conf('BINDS=/a\\b:/c:rw\n'), /"--bind=\/a\\\\\\\\b:\/c"/);
});

test('a data directory that overlayfs cannot take is refused with what to do', () => {
  assert.throws(() => conf('', { layout: layoutOf('/srv/a,b', '/run/sdme') }), /use another datadir/);
});

test('limits become limits.conf, and no limit no file', () => {
  assert.equal(limitsConfText({ MEMORY: undefined, CPUS: undefined, CPU_WEIGHT: undefined }), undefined);
  assert.equal(
    limitsConfText({ MEMORY: '512M', CPUS: '1.5', CPU_WEIGHT: '200' }),
    '[Service]\nMemoryMax=512M\nMemorySwapMax=512M\nCPUQuota=150%\nCPUWeight=200\n',
  );
});

const analyze = '/usr/bin/systemd-analyze';
test('systemd itself finds no fault in the template and the drop-in', {
  skip: existsSync(analyze) ? false : 'systemd-analyze is not installed',
}, () => {
  const directory = mkdtempSync(join(tmpdir(), 'sdme-unit-'));
  try {
    // ExecStart must exist for systemd-analyze, so the programs are ones that every machine has.
    const sh = '/bin/sh';
    const have = {
      nspawn: sh,
      mount: sh,
      umount: sh,
      nsenter: sh,
      busctl: sh,
      getent: sh,
      timeout: sh,
      sh,
    };
    const dropIn = conf(everything, { ...everythingFacts, programs: have });
    const unit = templateUnitText({ tasksMax: 16384, bootTimeout: 60, systemdVersion: 255 });
    const path = join(directory, 'sdme-check.service');
    writeFileSync(
      path,
      `${unit.replace('ExecStart=/bin/false\n', '')}\n${dropIn}\n${limitsConfText(parseRecord('NAME=web\nROOTFS=\nMEMORY=1G\nCPUS=.5\n')) ?? ''}`,
    );
    let said = '';
    try {
      said = execFileSync(analyze, ['verify', '--man=no', path], { encoding: 'utf8', stdio: 'pipe' });
    } catch (error) {
      said = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
    }
    const aboutUs = said.split('\n').filter((line) => line.includes('sdme-check.service'));
    assert.deepEqual(aboutUs, []);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
