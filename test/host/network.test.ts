import assert from 'node:assert/strict';
import { existsSync, readlinkSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { listContainers } from '../../src/nspawn/index.ts';
import { type ContainerStore, containerStore, output, outsideTestHost } from '../helpers/container-host.ts';
import { type Containers, containersOf } from '../helpers/containers.ts';
import {
  answerOf,
  documentedCarrierRule,
  documentedRules,
  listenOn,
  otherNetwork,
} from '../helpers/network-peers.ts';
import { waitFor } from '../helpers/wait-for.ts';

const hasAppArmor = existsSync('/sys/kernel/security/apparmor/profiles');
const strict = { tier: 'strict', ...(hasAppArmor ? {} : { apparmorProfile: 'unconfined' }) };

/** Bit of CAP_NET_ADMIN (capabilities(7)). */
const netAdmin = 1n << 12n;

describe('networks of containers', { skip: outsideTestHost(), timeout: 200_000 }, () => {
  let store: ContainerStore;
  let containers: Containers;
  const stack = new AsyncDisposableStack();
  before(async () => {
    store = stack.use(await containerStore('networks'));
    containers = stack.use(containersOf(store));
  });
  after(() => stack.disposeAsync());

  const interfaces = async (name: string): Promise<string[]> =>
    (await containers.inside(name, 'ls', '/sys/class/net')).trim().split('\n').sort();
  const holdsNetAdmin = async (name: string): Promise<boolean> => {
    const status = await containers.inside(name, 'cat', '/proc/1/status');
    return (BigInt(`0x${/^CapBnd:\s*(\w+)$/m.exec(status)?.[1]}`) & netAdmin) !== 0n;
  };
  const namespaceOf = (name: string): Promise<string> =>
    containers.inside(name, 'readlink', '/proc/1/ns/net').then((text) => text.trim());
  /** The address the container got on its link, once it has one. */
  const addressOf = (name: string): Promise<string> =>
    waitFor(`an address of ${name}`, async () =>
      /inet ([0-9.]+)/.exec(await containers.inside(name, 'ip', '-4', 'addr', 'show', 'dev', 'host0'))?.at(1),
    );
  /** A server on port 80 that says its container's name. */
  const serve = (name: string): Promise<string> => {
    const units = '/run/systemd/system';
    const socket = '[Socket]\nListenStream=80\nAccept=yes\n';
    const service = '[Service]\nExecStart=hostname\nStandardInput=socket\nStandardOutput=socket\n';
    const script = `printf "$1" >${units}/named.socket; printf "$2" >${units}/named@.service; systemctl start named.socket`;
    return containers.inside(name, 'sh', '-ec', script, 'sh', socket, service);
  };
  const hostInterface = (name: string): boolean => existsSync(`/sys/class/net/${name}`);

  test('a container shares the network of the host unless asked otherwise', async () => {
    await containers.create('open', { started: true });
    assert.equal(await namespaceOf('open'), readlinkSync('/proc/self/ns/net'));
    await output('ip', 'link', 'add', 'seen0', 'type', 'bridge');
    await using _link = {
      [Symbol.asyncDispose]: async () => void (await output('ip', 'link', 'del', 'seen0')),
    };
    assert.ok((await interfaces('open')).includes('seen0'));
    assert.equal(await holdsNetAdmin('open'), false);
    // What listens on the host's loopback is within reach, and a port that it binds is the host's.
    await using listening = await listenOn('127.0.0.1', 'host');
    assert.equal(await containers.inside('open', 'nc', '-d', '-w', '5', '127.0.0.1', listening.port), 'host');
    await serve('open');
    assert.equal(await answerOf('127.0.0.1', 80), 'open\n');
    await containers.remove('open');
  });

  test('a private network is loopback only, and the container may change it', async () => {
    await containers.create('alone', { started: true, privateNetwork: true });
    assert.notEqual(await namespaceOf('alone'), readlinkSync('/proc/self/ns/net'));
    assert.deepEqual(await interfaces('alone'), ['lo']);
    assert.match(await containers.inside('alone', 'ip', 'addr', 'show', 'dev', 'lo'), /inet 127\.0\.0\.1\/8/);
    assert.equal(await containers.inside('alone', 'ip', 'route'), '');
    assert.equal(await holdsNetAdmin('alone'), true);
    await containers.inside('alone', 'ip', 'link', 'add', 'mine', 'type', 'bridge');
    assert.equal(hostInterface('mine'), false);
    await containers.remove('alone');
  });

  test('a veth link gets an address from the host, reaches it, and goes with the container', async () => {
    await containers.create('linked', { started: true, networkVeth: true });
    assert.deepEqual(await interfaces('linked'), ['host0', 'lo']);
    const address = await addressOf('linked');
    const [listed] = (await listContainers(store.layout)).filter(({ name }) => name === 'linked');
    assert.deepEqual(listed?.addresses, [address]);
    const gateway =
      /^default via ([0-9.]+)/m.exec(await containers.inside('linked', 'ip', 'route'))?.[1] ?? '';
    assert.match(await output('ip', 'addr', 'show', 'dev', 've-linked'), new RegExp(` ${gateway}/`));
    await containers.inside('linked', 'ping', '-c', '1', '-W', '5', gateway);
    // Of the host's servers it reaches those that listen on more than its loopback.
    await using everywhere = await listenOn('0.0.0.0', 'host');
    await using onLoopback = await listenOn('127.0.0.1', 'host');
    const ask = (port: string): Promise<string> =>
      containers.inside('linked', 'nc', '-d', '-w', '5', gateway, port);
    assert.equal(await ask(everywhere.port), 'host');
    await assert.rejects(ask(onLoopback.port));
    for (const unit of ['systemd-networkd', 'systemd-resolved']) {
      assert.equal(await containers.inside('linked', 'systemctl', 'is-enabled', unit), 'enabled\n');
      assert.equal(await containers.inside('linked', 'systemctl', 'is-active', unit), 'active\n');
    }
    assert.match(await containers.inside('linked', 'cat', '/etc/resolv.conf'), /^nameserver 127\.0\.0\.53$/m);
    await containers.stop('linked');
    assert.equal(hostInterface('ve-linked'), false);
    await containers.remove('linked');
  });

  test('a container is put on a bridge of the host, which outlives it', async () => {
    const network = '/run/systemd/network/50-sdme-test.network';
    await output('mkdir', '-p', '/run/systemd/network');
    writeFileSync(network, '[Match]\nName=sdmebr0\n[Network]\nAddress=10.98.0.1/24\nDHCPServer=yes\n');
    await output('networkctl', 'reload');
    const missing = { code: 'not-found', message: /^network bridge not found: sdmebr0/ };
    await assert.rejects(containers.create('bridged', { networkBridge: 'sdmebr0' }), missing);
    await output('ip', 'link', 'add', 'sdmebr0', 'type', 'bridge');
    await using undo = new AsyncDisposableStack();
    undo.defer(async () => {
      await output('ip', 'link', 'del', 'sdmebr0');
      await output('rm', network);
      await output('networkctl', 'reload');
    });
    await containers.create('bridged', { started: true, networkBridge: 'sdmebr0' });
    assert.match(await output('bridge', 'link', 'show', 'dev', 'vb-bridged'), / master sdmebr0 /);
    assert.match(await addressOf('bridged'), /^10\.98\.0\./);
    await containers.inside('bridged', 'ping', '-c', '1', '-W', '5', '10.98.0.1');
    await containers.stop('bridged');
    assert.equal(hostInterface('vb-bridged'), false);
    assert.equal(hostInterface('sdmebr0'), true);
    await output('ip', 'link', 'set', 'sdmebr0', 'name', 'sdmebr1');
    await assert.rejects(containers.start('bridged'), missing);
    await output('ip', 'link', 'set', 'sdmebr1', 'name', 'sdmebr0');
    await containers.remove('bridged');
  });

  test('containers of a zone reach each other by name whatever their tiers, one of another zone by address alone', async () => {
    await using _settled = await documentedCarrierRule();
    await containers.create('near', { started: true, networkZone: 'one', tier: 'hardened' });
    await containers.create('far', {
      ...strict,
      capabilities: ['net_admin'],
      started: true,
      networkZone: 'one',
    });
    await containers.create('other', { started: true, networkZone: 'two', userns: true });
    for (const [from, to] of [
      ['near', 'far'],
      ['far', 'near'],
    ] as const) {
      await waitFor(`${from} to reach ${to}`, () =>
        containers.inside(from, 'ping', '-c', '1', '-W', '2', to).then(
          () => true,
          () => false,
        ),
      );
    }
    await addressOf('other');
    await assert.rejects(
      containers.inside('other', 'ping', '-c', '1', '-W', '2', 'near'),
      /Name or service not known|failure in name resolution/,
    );
    assert.equal(hostInterface('vz-one'), true);

    // Each has a port 80 of its own.
    for (const name of ['near', 'far', 'other']) await serve(name);
    for (const [from, to] of [
      ['near', 'far'],
      ['far', 'near'],
      ['other', 'localhost'],
    ] as const) {
      const said = await containers.inside(from, 'nc', '-d', '-w', '5', to, '80');
      assert.equal(said, `${to === 'localhost' ? from : to}\n`);
    }
    // The host routes between zones; rules of its own can forbid it, and leave what is within a zone alone.
    const far = await addressOf('far');
    const reaches = (from: string, to: string): Promise<boolean> =>
      containers.inside(from, 'nc', '-z', '-w', '3', to, '80').then(
        () => true,
        () => false,
      );
    await waitFor('a way to the other zone', () => reaches('other', far));
    {
      await using _rules = await documentedRules();
      assert.equal(await reaches('other', far), false);
      await waitFor('a way within the zone', () => reaches('near', 'far'));
    }
    for (const name of ['near', 'far', 'other']) await containers.remove(name);
    for (const name of ['vz-one', 'vz-two', 'vb-near', 'vb-far', 'vb-other'])
      assert.equal(hostInterface(name), false, name);
  });

  test('a forwarded port answers from another network namespace, others only by way of a route', async () => {
    const wanted = {
      forward: { ports: ['18080:80'] },
      hardened: { tier: 'hardened', ports: ['18081:80/tcp'] },
    };
    for (const [name, input] of Object.entries(wanted)) {
      await containers.create(name, { started: true, networkVeth: true, ...input });
      await serve(name);
    }
    const addresses = [await addressOf('forward'), await addressOf('hardened')];
    await using undo = new AsyncDisposableStack();
    const { pid, end } = await otherNetwork();
    undo.defer(end);
    await output('ip', ...`link add sdmeout0 type veth peer name inner0 netns ${pid}`.split(' '));
    await output('ip', 'addr', 'add', '10.99.0.1/24', 'dev', 'sdmeout0');
    await output('ip', 'link', 'set', 'sdmeout0', 'up');
    const outside = [`--target=${pid}`, '--net'];
    await output('nsenter', ...outside, 'ip', 'addr', 'add', '10.99.0.2/24', 'dev', 'inner0');
    await output('nsenter', ...outside, 'ip', 'link', 'set', 'inner0', 'up');
    const ask = (port: number): Promise<string> =>
      output('nsenter', ...outside, 'nc', '-d', '-w', '5', '10.99.0.1', String(port));
    const connect = (address: string): Promise<string> =>
      output('nsenter', ...outside, 'nc', '-z', '-w', '3', address, '80');
    const forwarded = async (): Promise<void> => {
      assert.equal(await waitFor('the forwarded port', () => ask(18080).catch(() => false)), 'forward\n');
      assert.equal(await waitFor('the other port', () => ask(18081).catch(() => false)), 'hardened\n');
    };
    await forwarded();
    // Nothing but what was asked for is forwarded.
    await assert.rejects(connect('10.99.0.1'));
    // Who has a route by the host reaches the containers' own ports, unless rules of the host forbid it.
    for (const address of addresses) await assert.rejects(connect(address));
    await output('nsenter', ...outside, 'ip', 'route', 'add', 'default', 'via', '10.99.0.1');
    for (const address of addresses) await connect(address);
    {
      await using _rules = await documentedRules();
      for (const address of addresses) await assert.rejects(connect(address));
      await forwarded();
    }
    for (const [index, name] of Object.keys(wanted).entries()) {
      assert.equal(await answerOf(addresses[index] ?? '', 80), `${name}\n`);
      await containers.remove(name);
    }
    await assert.rejects(ask(18080));
  });

  test('who makes a container with a link is told when the host has no networkd to serve it', async () => {
    const units = ['systemd-networkd.socket', 'systemd-networkd.service'];
    await output('systemctl', 'stop', ...units);
    await using undo = new AsyncDisposableStack();
    undo.defer(async () => void (await output('systemctl', 'start', ...units)));
    const lines = await containers.create('unserved', { networkVeth: true });
    assert.match(lines.join('\n'), /^warning: systemd-networkd is not running on the host/m);
    assert.deepEqual(await containers.create('private', { privateNetwork: true }), []);
    await containers.remove('unserved');
    await containers.remove('private');
  });
});
