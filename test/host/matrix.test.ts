import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readlink } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { readSecurity } from '../../src/nspawn/read-side.ts';
import { pickedUidBase } from '../../src/security/uid-ranges.ts';
import { containerStore, outsideTestHost } from '../helpers/container-host.ts';
import { type Containers, containersOf } from '../helpers/containers.ts';
import { type InsideFacts, insideFacts } from '../helpers/inside-facts.ts';
import { attempt, installProbe, type Outcome, probeInside } from '../helpers/probe.ts';

const hasAppArmor = existsSync('/sys/kernel/security/apparmor/profiles');
const [netBindService, netAdmin, netRaw] = [1n << 10n, 1n << 12n, 1n << 13n];

/** Bounding sets over the host's own network, without a link. */
const tiers = {
  default: { mask: 0xfdecafffn, noNewPrivileges: false, keepsNetAdmin: true },
  hardened: { mask: 0xfda48fffn, noNewPrivileges: true, keepsNetAdmin: true },
  // Drops CAP_NET_ADMIN by name, so that nspawn's gift for a private network is not taken. CAP_SYS_PTRACE is added.
  strict: { mask: 0xa82c05fbn, noNewPrivileges: true, keepsNetAdmin: false },
} as const;
type Tier = keyof typeof tiers;

const networks = {
  host: { input: {}, interfaces: undefined },
  private: { input: { privateNetwork: true }, interfaces: ['lo'] },
  veth: { input: { networkVeth: true }, interfaces: ['host0', 'lo'] },
  zone: { input: { networkZone: 'matrix' }, interfaces: ['host0', 'lo'] },
} as const;
type Network = keyof typeof networks;

interface Cell {
  readonly tier: Tier;
  readonly network: Network;
}

/** Every tier with every network; hardened and strict imply a private one. */
const cells = Object.keys(tiers).flatMap((tier) =>
  Object.keys(networks)
    .filter((network) => tier === 'default' || network !== 'host')
    .map((network) => ({ tier, network }) as Cell),
);

function maskOf({ tier, network }: Cell): bigint {
  const { mask, keepsNetAdmin } = tiers[tier];
  // Users of its own have no say over the ports of a network that is the host's, so nspawn takes that away.
  if (network === 'host') return mask & ~netBindService;
  const hasLink = network !== 'private';
  return mask | (keepsNetAdmin ? netAdmin : 0n) | (hasLink ? netRaw : 0n);
}

async function checkCell(cell: Cell, name: string, facts: InsideFacts): Promise<void> {
  const { noNewPrivileges } = tiers[cell.tier];
  const { interfaces } = networks[cell.network];
  assert.equal(facts.systemState, 'running', name);
  assert.equal(facts.boundingSet.toString(16), maskOf(cell).toString(16), name);
  assert.equal(facts.noNewPrivileges, noNewPrivileges, name);
  assert.ok(facts.filtered, name);
  const [inside, outside, count] = facts.userMap.split(' ').map(Number);
  assert.deepEqual([inside, outside, count], [0, pickedUidBase(name), 65_536], name);
  assert.equal(
    facts.namespaces.get('net') === (await readlink('/proc/1/ns/net')),
    cell.network === 'host',
    name,
  );
  if (interfaces !== undefined) assert.deepEqual(facts.interfaces, interfaces, name);
}

/** Users of its own bind ports of the host's network, but for the low ones. */
async function checkPorts(containers: Containers, name: string): Promise<void> {
  const listen = (port: string): Promise<string> =>
    containers.inside(name, 'timeout', '1', 'nc', '-l', '127.0.0.1', port);
  await assert.rejects(listen('81'), /Permission denied/, name);
  // It listens until its time is up.
  await assert.rejects(listen('8181'), { code: 124 }, name);
}

/** What the tier and the network let its root do, and what a program with the setuid bit gains a user. */
async function checkAttempts(containers: Containers, cell: Cell, name: string): Promise<void> {
  const [probe, setuid] = ['/usr/local/bin/probe', '/usr/local/bin/probe-setuid'];
  await installProbe(name, probe);
  await containers.inside(name, 'install', '-m', '4755', probe, setuid);
  const allowedIf = (allowed: boolean): Outcome => (allowed ? 'done' : 'EPERM');
  const isDefault = cell.tier === 'default';
  // Over a network that is the host's, users of its own have no capabilities.
  const rawSockets = cell.network !== 'host' && (maskOf(cell) & netRaw) !== 0n;
  const expected: Readonly<Record<string, Outcome>> = {
    'raw-socket': allowedIf(rawSockets),
    'packet-socket': allowedIf(rawSockets),
    // nspawn's list has ptrace(2) for whom the capability was added; what strict denies comes off it all the same.
    'trace-child': allowedIf(isDefault),
    'key-add': 'EPERM',
    'bpf-map': 'EPERM',
    'module-load': 'EPERM',
    'device-node=7:0': 'EPERM',
    'mount-kind=debugfs': 'EPERM',
  };
  const attempts = Object.keys(expected);
  const outcomes = await attempt(probeInside(name, probe), attempts);
  assert.deepEqual(
    Object.fromEntries(attempts.map((what, index) => [what, outcomes[index]])),
    expected,
    name,
  );
  if (cell.network === 'host') await checkPorts(containers, name);
  const gained = await attempt(probeInside(name, setuid, 'nobody'), ['user-is-root']);
  assert.deepEqual(gained, [allowedIf(isDefault)], name);
}

describe('every tier with every network and both ways of mapping users', { skip: outsideTestHost() }, () => {
  for (const mapping of ['idmap', 'shift'] as const) {
    test(`${mapping}: each boots to running, and all that it asks for is in force`, async () => {
      await using store = await containerStore(`matrix-${mapping}`, { userns_mapping: mapping });
      await using containers = containersOf(store);
      const boot = async (cell: Cell): Promise<void> => {
        const name = `${mapping}-${cell.tier}-${cell.network}`;
        const isStrict = cell.tier === 'strict';
        const waived = isStrict && !hasAppArmor ? { apparmorProfile: 'unconfined' } : {};
        const added = isStrict ? { capabilities: ['sys_ptrace'] } : {};
        const { input } = networks[cell.network];
        const asked = { tier: cell.tier, userns: true, ...input, ...waived, ...added };
        await containers.create(name, { ...asked, started: true });
        await checkCell(cell, name, await insideFacts(containers, name));
        const { mechanisms } = await readSecurity(store.layout, name);
        assert.deepEqual(
          mechanisms.filter((row) => !row.as_asked),
          [],
          name,
        );
        await checkAttempts(containers, cell, name);
        await containers.inside(
          name,
          'sh',
          '-ec',
          'touch /root/x; test -O /usr/bin/passwd; test -u /usr/bin/passwd',
        );
        await containers.remove(name);
      };
      const waiting = [...cells];
      const worker = async (): Promise<void> => {
        for (let cell = waiting.shift(); cell !== undefined; cell = waiting.shift()) await boot(cell);
      };
      await Promise.all([worker(), worker(), worker()]);
    });
  }
});
