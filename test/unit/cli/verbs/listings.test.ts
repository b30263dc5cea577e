import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { tableLines } from '../../../../src/cli/output/table.ts';
import { fsLines } from '../../../../src/cli/verbs/fs-ls.ts';
import { jobDetailLines } from '../../../../src/cli/verbs/job-show.ts';
import { psLines } from '../../../../src/cli/verbs/ps.ts';
import { type ContainerListing, containerListing } from '../../../../src/nspawn/read-side.ts';
import { errorOf, itemOf, jobRecordOf } from '../../../helpers/job-record.ts';

const web: ContainerListing = {
  name: 'web',
  status: 'running',
  health: 'ok',
  os: 'Debian GNU/Linux 13 (trixie)',
  rootfs: 'debian',
  userns: false,
  enabled: true,
  binds: [],
  oci_apps: [],
  submounts: [],
  network: {
    private_network: false,
    network_veth: false,
    network_bridge: null,
    network_zone: null,
    ports: [],
    pod: null,
    oci_pod: null,
  },
  limits: { memory: null, cpus: null, cpu_weight: null, disk: null },
  disk_used: null,
  kube: null,
  addresses: [],
};

describe('tableLines', () => {
  test('columns are as wide as their widest cell, left-aligned, two spaces apart', () => {
    const cell = fc.stringMatching(/^[a-z0-9]{1,12}$/);
    fc.assert(
      fc.property(fc.array(fc.tuple(cell, cell, cell), { maxLength: 8 }), (rows) => {
        const lines = tableLines(['A', 'B', 'C'], rows);
        const widths = [0, 1].map((at) => Math.max(1, ...rows.map((row) => row[at]?.length ?? 0)));
        for (const [index, row] of [['A', 'B', 'C'], ...rows].entries()) {
          const [a = '', b = '', c = ''] = row;
          assert.equal(lines[index], `${a.padEnd(widths[0] ?? 0)}  ${b.padEnd(widths[1] ?? 0)}  ${c}`);
        }
      }),
    );
  });
});

describe('ps', () => {
  test('has the columns of the contract: health third, OS last, no address as -', () => {
    assert.deepEqual(psLines([web]), [
      'NAME  STATUS   HEALTH  USERNS  ENABLED  MOUNTS  ADDRESSES  OS',
      'web   running  ok      no      yes      no      -          Debian GNU/Linux 13 (trixie)',
    ]);
  });

  test('DISK shows once a container has a cap; MOUNTS counts binds, volumes and submounts', () => {
    const capped = { ...web, limits: { ...web.limits, disk: '250M' }, disk_used: 12 * 1024 * 1024 };
    const mounts = [
      { ...capped, binds: ['/a:/b:ro'] },
      { ...web, submounts: ['/home'] },
      { ...web, oci_apps: [{ name: 'x', env: [], ports: [], volumes: ['/data'] }] },
    ];
    const [header, ...rows] = psLines(mounts).map((line) => line.split(/ {2,}/));
    assert.deepEqual(header?.slice(5), ['MOUNTS', 'DISK', 'ADDRESSES', 'OS']);
    assert.deepEqual(
      rows.map((row) => row.slice(5, 7)),
      [
        ['yes', '12M/250M'],
        ['yes', '?/-'],
        ['yes', '?/-'],
      ],
    );
  });

  test('without containers it says so', () => assert.deepEqual(psLines([]), ['no containers found']));

  test('the JSON has the keys of the contract, in its order', () => {
    const order =
      'name status health os rootfs userns enabled binds oci_apps submounts network limits disk_used kube addresses';
    assert.deepEqual(Object.keys(containerListing.shape), order.split(' '));
  });
});

describe('fs ls', () => {
  const debian = { name: 'debian', os: 'Debian', containers: [], path: '/var/lib/sdme/fs/debian' };
  test('shows containers once some rootfs has one', () => {
    assert.deepEqual(fsLines([]), ['no root filesystems found']);
    assert.match(fsLines([debian])[0] ?? '', /^NAME +OS +PATH$/);
    const lines = fsLines([debian, { ...debian, name: 'x', containers: ['a', 'b'] }]);
    assert.match(lines[0] ?? '', /^NAME +OS +CONTAINERS +PATH$/);
    assert.match(lines[2] ?? '', /^x +Debian +2 +\/var/);
  });
});

test('job show names what happened, with a line for each part of the progress', () => {
  const error = errorOf('oci.network', 'cannot fetch', 'reset');
  const record = jobRecordOf({
    state: 'failed',
    error,
    attempt: 4,
    endedAt: 1_790_000_004_500,
    progress: { step: 'fetch', items: [itemOf('a', { done: 1, total: 2 })] },
  });
  const text = jobDetailLines(record, 100).join('\n');
  for (const line of [/^state +failed$/m, /^took +3\.5 s$/m, /^attempt +4 of 4$/m, /^ {2}layer a \[/m]) {
    assert.match(text, line);
  }
  assert.match(text, /^error +oci\.network: cannot fetch: reset$/m);
});
