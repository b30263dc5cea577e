import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { workloadUnitText } from '../../../src/workload/unit.ts';

const plain = {
  name: 'web',
  reference: 'docker.io/library/web:1',
  user: { uid: 0, gid: 0 },
  workingDirectory: '/',
  command: ['/usr/sbin/web', '-g', 'daemon off;'],
};

test('the unit is the one of the contract', () => {
  assert.equal(
    workloadUnitText({ ...plain, stopSignal: { name: 'SIGQUIT', number: 3 } }),
    `# docker.io/library/web:1
[Unit]
Description=OCI app: web (docker.io/library/web:1)
After=network.target
AssertPathIsSymbolicLink=!/oci/apps/web/root/usr
AssertPathIsSymbolicLink=!/oci/apps/web/root/usr/sbin
AssertPathIsSymbolicLink=!/oci/apps/web/root/usr/sbin/sdme-isolate

[Service]
Type=exec
RootDirectory=/oci/apps/web/root
MountAPIVFS=yes
Environment=LD_PRELOAD=/usr/lib/sdme-devfd-shim.so
EnvironmentFile=-/oci/apps/web/env
BindReadOnlyPaths=/oci/apps/web/isolate:/usr/sbin/sdme-isolate
ExecStart=/usr/sbin/sdme-isolate 0 0 / /usr/sbin/web -g 'daemon off;'
SyslogIdentifier=web
KillMode=mixed
KillSignal=SIGQUIT
SuccessExitStatus=129 130 131 141 143
CapabilityBoundingSet=CAP_AUDIT_WRITE CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_FSETID CAP_KILL CAP_MKNOD CAP_NET_BIND_SERVICE CAP_NET_RAW CAP_SETFCAP CAP_SETGID CAP_SETPCAP CAP_SETUID CAP_SYS_ADMIN CAP_SYS_CHROOT
NoNewPrivileges=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
RestrictSUIDSGID=yes
LockPersonality=yes
ProtectProc=invisible
ProcSubset=pid
RestrictNamespaces=~user
ReadOnlyPaths=-+/dev -+/sys
InaccessiblePaths=-+/dev/mqueue -+/dev/hugepages
TemporaryFileSystem=/dev/shm:mode=1777,size=50%
BindLogSockets=no
BindReadOnlyPaths=-/etc/hosts -/etc/resolv.conf

[Install]
WantedBy=multi-user.target
`,
  );
});

test('the end that a stop brings about is a success, once named', () => {
  const ends = (name: string, number: number): string | undefined =>
    /^SuccessExitStatus=(.*)$/m.exec(workloadUnitText({ ...plain, stopSignal: { name, number } }))?.[1];
  assert.equal(ends('SIGTERM', 15), '129 130 141 143');
  assert.equal(ends('SIGRTMIN+3', 37), '129 130 141 143 165');
  assert.equal(ends('SIGKILL', 9), '129 130 137 141 143 SIGKILL', 'it also ends what passes signals on');
});

test('H1 no text of a stranger adds a line to the unit or ends one in a backslash', () => {
  const lines = workloadUnitText(plain).split('\n').length;
  const text = fc.string({ unit: 'binary' }).filter((value) => !value.includes('\0'));
  fc.assert(
    fc.property(text, text, fc.array(text, { minLength: 1 }), (reference, directory, command) => {
      const unit = workloadUnitText({ ...plain, reference, workingDirectory: `/${directory}`, command });
      assert.equal(unit.split(/[\r\n]/).length, lines);
      assert.doesNotMatch(unit, /\\$/m);
    }),
  );
});
