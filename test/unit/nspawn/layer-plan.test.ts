import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type LayerEntry,
  type LayerFacts,
  maskedServices,
  planLayer,
} from '../../../src/nspawn/layer-plan.ts';
import { wireOciPorts, wireOciVolumes } from '../../../src/nspawn/oci-wiring.ts';
import { type ContainerRecord, parseRecord } from '../../../src/nspawn/record.ts';

const facts: LayerFacts = {
  isNixos: false,
  networkUnits: ['systemd-networkd.service', 'systemd-resolved.service'],
  applications: [],
  hostMountUnits: [],
  hostDbusUnit: undefined,
  ownDirectories: [],
  ociEnvs: [],
};

function record(state: string): ContainerRecord {
  return parseRecord(`NAME=web\n${state.includes('ROOTFS=') ? '' : 'ROOTFS=debian\n'}${state}`);
}

/** The plan as one line an entry, for comparison. */
function line(entry: LayerEntry): string {
  switch (entry.kind) {
    case 'opaque':
      return `opaque ${entry.path}`;
    case 'file':
      return `${entry.mode.toString(8)} ${entry.path} ${JSON.stringify(entry.text)}`;
    case 'symlink':
      return `${entry.path} -> ${entry.target}`;
  }
}

function lines(entries: readonly LayerEntry[]): string[] {
  return entries.map(line);
}

test('a default container gets its identity, a resolver file and its masks', () => {
  assert.deepEqual(lines(planLayer(record('MASKED_SERVICES=systemd-resolved.service\n'), facts)), [
    '644 etc/hostname "web\\n"',
    '644 etc/hosts "127.0.0.1 localhost web\\n::1 localhost web\\n"',
    '444 etc/machine-id ""',
    '644 etc/fstab "# The file systems of a container are mounted from outside.\\n"',
    '644 etc/resolv.conf "# Written at start by systemd-nspawn.\\n"',
    'etc/systemd/system/systemd-resolved.service -> /dev/null',
  ]);
});

test('a container in a zone gets networkd, resolved and names by LLMNR', () => {
  const planned = lines(planLayer(record('PRIVATE_NETWORK=1\nNETWORK_ZONE=z\n'), facts));
  assert.ok(planned.includes('etc/resolv.conf -> ../run/systemd/resolve/stub-resolv.conf'));
  for (const unit of facts.networkUnits) {
    assert.ok(
      planned.includes(
        `etc/systemd/system/multi-user.target.wants/${unit} -> /usr/lib/systemd/system/${unit}`,
      ),
    );
  }
  assert.ok(
    planned.includes(
      '644 etc/systemd/resolved.conf.d/zone-llmnr.conf "[Resolve]\\nLLMNR=yes\\nMulticastDNS=yes\\n"',
    ),
  );
});

test('a unit that the rootfs lacks is not asked for', () => {
  const planned = lines(planLayer(record('NETWORK_VETH=1\n'), { ...facts, networkUnits: [] }));
  assert.equal(
    planned.some((each) => each.includes('multi-user.target.wants')),
    false,
  );
});

test('with resolved masked there is no link to its file, also with an interface', () => {
  const planned = lines(
    planLayer(record('NETWORK_VETH=1\nMASKED_SERVICES=systemd-resolved.service\n'), facts),
  );
  assert.ok(planned.includes('644 etc/resolv.conf "# Written at start by systemd-nspawn.\\n"'));
});

test('a host-root clone sees neither mount units, nor our directories, nor loses its bus', () => {
  const planned = lines(
    planLayer(record('ROOTFS=\nOPAQUE_DIRS=/etc/systemd/system,/var/log\n'), {
      ...facts,
      hostMountUnits: ['srv-data.mount', 'swapfile.swap'],
      hostDbusUnit: 'dbus-broker.service',
      ownDirectories: ['/var/lib/sdme'],
    }),
  );
  assert.deepEqual(planned.slice(0, 3), [
    'opaque etc/systemd/system',
    'opaque var/log',
    'opaque var/lib/sdme',
  ]);
  assert.ok(planned.includes('etc/systemd/system/srv-data.mount -> /dev/null'));
  assert.ok(planned.includes('etc/systemd/system/swapfile.swap -> /dev/null'));
  assert.ok(
    planned.includes(
      'etc/systemd/system/dbus.service -> ../../../usr/lib/systemd/system/dbus-broker.service',
    ),
  );
});

test('resolved is not masked when an interface needs it, and NixOS gets no masks at all', () => {
  const wanted = ['systemd-resolved.service', 'x.service', 'x.service'];
  assert.deepEqual(maskedServices(wanted, { withInterface: false, isNixos: false }), [
    'systemd-resolved.service',
    'x.service',
  ]);
  assert.deepEqual(maskedServices(wanted, { withInterface: true, isNixos: false }), ['x.service']);
  assert.deepEqual(maskedServices(wanted, { withInterface: false, isNixos: true }), []);
});

const app = {
  name: 'nginx',
  env: ['A="1'],
  environment: 'A="1\n2"\n',
  ports: ['80/tcp', '53/udp', 'junk'],
  volumes: ['/var/cache', '/../x', '/x\ufdd0'],
};

test('dropped capabilities and a pod reach the units of applications', () => {
  const planned = planLayer(record('DROP_CAPS=CAP_NET_RAW,CAP_SYS_ADMIN\nOCI_POD=p\n'), {
    ...facts,
    applications: [app],
    ociEnvs: ['B=2'],
  });
  const texts = new Map(
    planned.flatMap((entry) => (entry.kind === 'file' ? [[entry.path, entry.text]] : [])),
  );
  assert.equal(
    texts.get('etc/systemd/system/sdme-oci-nginx.service.d/hardening.conf'),
    '[Service]\nCapabilityBoundingSet=\nCapabilityBoundingSet=CAP_AUDIT_WRITE CAP_CHOWN CAP_DAC_OVERRIDE ' +
      'CAP_FOWNER CAP_FSETID CAP_KILL CAP_MKNOD CAP_NET_BIND_SERVICE CAP_SETFCAP CAP_SETGID CAP_SETPCAP ' +
      'CAP_SETUID CAP_SYS_ADMIN CAP_SYS_CHROOT\n',
  );
  assert.match(
    texts.get('etc/systemd/system/sdme-oci-nginx.service.d/oci-pod-netns.conf') ?? '',
    /^\[Service\]\nNetworkNamespacePath=/,
  );
  assert.equal(texts.get('oci/apps/nginx/env'), 'A="1\n2"\nB="2"\n');
});

test('declared ports are forwarded unless mapped, and on the host network only told', () => {
  assert.deepEqual(wireOciPorts(record('PRIVATE_NETWORK=1\nPORTS=tcp:8080:80\n'), [app]), {
    ports: ['udp:53:53'],
    notes: ['auto-forwarding OCI ports: udp:53:53'],
  });
  assert.deepEqual(wireOciPorts(record(''), [app]), {
    ports: [],
    notes: ['OCI image exposes ports: 80/tcp, 53/udp (host network, no forwarding needed)'],
  });
});

test('a declared port whose number --port has on the host is left, and that is told', () => {
  assert.deepEqual(wireOciPorts(record('PRIVATE_NETWORK=1\nPORTS=tcp:80:8080,tcp:53:1\n'), [app]), {
    ports: ['udp:53:53'],
    notes: [
      'auto-forwarding OCI ports: udp:53:53',
      'OCI port 80/tcp is not forwarded, as --port has its number on the host',
    ],
  });
});

test('a declared port that no port can be is passed over', () => {
  const odd = { ...app, ports: ['0/tcp', '65535/tcp', '65536/tcp', '99999/udp', '80/sctp'] };
  assert.deepEqual(wireOciPorts(record('PRIVATE_NETWORK=1\n'), [odd]).ports, ['tcp:65535:65535']);
});

test('two volumes that would have one directory are refused, unless one is bound', () => {
  const mixed = { ...app, volumes: ['/a/b', '/a-b'] };
  assert.throws(() => wireOciVolumes(record(''), [mixed], '/v'), /volumes \/a\/b and \/a-b would share/);
  const bound = record('BINDS=/x:/oci/apps/nginx/root/a-b:rw\n');
  assert.deepEqual(
    wireOciVolumes(bound, [mixed], '/v').volumes.map(({ path }) => path),
    ['/a/b'],
  );
});

test('declared volumes get a host directory, unless bound or pointing out', () => {
  const { volumes, notes } = wireOciVolumes(record(''), [app], '/var/lib/sdme/volumes');
  assert.deepEqual(volumes, [
    {
      path: '/var/cache',
      bind: {
        host: '/var/lib/sdme/volumes/web/var-cache',
        container: '/oci/apps/nginx/root/var/cache',
        mode: 'rw',
      },
    },
  ]);
  assert.deepEqual(notes, ['auto-mounting OCI volumes: /var/cache']);
  const bound = record('BINDS=/x:/oci/apps/nginx/root/var/cache:rw\n');
  assert.deepEqual(wireOciVolumes(bound, [app], '/v').volumes, []);
});
