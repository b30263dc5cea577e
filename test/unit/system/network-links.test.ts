import assert from 'node:assert/strict';
import { test } from 'node:test';
import { linksWithin, type NetworkLink, parseLinks } from '../../../src/system/network-links.ts';

const link = (name: string, index: number, kind?: string, elsewhere?: number): NetworkLink => ({
  name,
  index,
  kind,
  elsewhere,
});

test('interfaces that lead out of a namespace are hardware, those made from others outside, and cables to the host', () => {
  const inside = [
    link('eth0', 2),
    link('docker0', 3, 'bridge'),
    link('to-inner', 4, 'veth', 2),
    link('to-host', 5, 'veth', 9),
    link('pair0', 6, 'veth'),
    link('mv-eth0', 7, 'macvlan', 2),
    link('wg0', 8, 'wireguard', 0),
  ];
  const hosts = [link('eth0', 2), link('ve-web', 9, 'veth', 5), link('ve-other', 4, 'veth', 4)];
  assert.deepEqual(linksWithin(inside, hosts), ['docker0', 'to-inner', 'pair0']);
});

test('what ip says of interfaces is read, and of what it cannot say nothing is made up', () => {
  const said = JSON.stringify([
    { ifindex: 1, ifname: 'lo', link_type: 'loopback' },
    { ifindex: 2, link_index: 3, ifname: 'host0', link_netnsid: 0, linkinfo: { info_kind: 'veth' } },
    { ifindex: 4, link: 'host0', ifname: 'v5', linkinfo: { info_kind: 'vlan' } },
  ]);
  const expected = [link('lo', 1), link('host0', 2, 'veth', 3), link('v5', 4, 'vlan')];
  assert.deepEqual(parseLinks(said), expected);
  assert.equal(parseLinks('[{"ifname": "a\u001b"}]'), undefined);
  assert.equal(parseLinks('[{"ifname": "a"}]'), undefined);
});
