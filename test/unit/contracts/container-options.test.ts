import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SdmeError } from '../../../src/base/errors.ts';
import {
  parseCpus,
  parseCpuWeight,
  parseDisk,
  parseMemory,
} from '../../../src/contracts/container-limits.ts';
import {
  formatBind,
  parseBind,
  parseEnv,
  parseInterfaceName,
  parseMaskedService,
  parseNewBind,
  parseOpaqueDirs,
  parsePort,
  parseRestartPolicy,
  parseSystemdLogLevel,
} from '../../../src/contracts/container-options.ts';
import { contracts } from '../../../src/contracts/index.ts';

type Case = readonly [
  parse: (text: string) => unknown,
  input: string,
  expected: { is: unknown } | { says: string },
];

const opaque = (text: string): string[] => parseOpaqueDirs(text.split(' '));
const bridge = (text: string): string => parseInterfaceName('bridge', text);
const zone = (text: string): string => parseInterfaceName('zone', text);

const cases: readonly Case[] = [
  [parseMemory, '512M', { is: '512M' }],
  [parseMemory, '2g', { is: '2G' }],
  [parseMemory, '1048576', { is: '1048576' }],
  [parseMemory, '', { says: 'invalid --memory value' }],
  [parseMemory, 'lots', { says: 'invalid --memory value' }],
  [parseMemory, '1.5G', { says: 'invalid --memory value' }],
  [parseMemory, '-1M', { says: 'invalid --memory value' }],
  [parseMemory, '0', { says: 'invalid --memory value' }],
  [parseMemory, '512X', { says: 'invalid --memory suffix' }],
  [parseMemory, '512MB', { says: 'invalid --memory suffix' }],
  [parseMemory, '8388607T', { is: '8388607T' }],
  [parseMemory, '8388608T', { says: 'invalid --memory value' }],
  [parseMemory, '999999999999999T', { says: 'invalid --memory value' }],
  [parseMemory, '8589934592g', { says: 'invalid --memory value' }],
  [parseMemory, '8796093022208M', { says: 'invalid --memory value' }],
  [parseMemory, '999999999999999K', { is: '999999999999999K' }],
  [parseMemory, '1M\n', { says: 'invalid --memory value' }],
  [parseCpus, '1.5', { is: '1.5' }],
  [parseCpus, '.5', { is: '.5' }],
  [parseCpus, '0', { says: '--cpus must be positive' }],
  [parseCpus, '-1', { says: '--cpus must be positive' }],
  [parseCpus, '0.001', { says: 'invalid --cpus value' }],
  [parseCpus, 'two', { says: 'invalid --cpus value' }],
  [parseCpus, 'NaN', { says: 'invalid --cpus value' }],
  [parseCpus, 'Infinity', { says: 'invalid --cpus value' }],
  [parseCpus, '1e3', { says: 'invalid --cpus value' }],
  [parseCpuWeight, '10000', { is: '10000' }],
  [parseCpuWeight, 'heavy', { says: 'invalid --cpu-weight value' }],
  [parseCpuWeight, '0', { says: '--cpu-weight must be 1-10000' }],
  [parseCpuWeight, '10001', { says: '--cpu-weight must be 1-10000' }],
  [parseDisk, '16M', { is: '16M' }],
  [parseDisk, '15M', { says: '--disk must be at least 16M' }],
  [parseDisk, 'x', { says: 'invalid size value' }],
  [parseBind, '/srv:/data', { is: { host: '/srv', container: '/data', mode: 'rw' } }],
  [parseBind, '/srv:/data:ro', { is: { host: '/srv', container: '/data', mode: 'ro' } }],
  [parseBind, '/srv', { says: 'invalid bind format' }],
  [parseBind, '/srv:', { says: 'invalid bind format' }],
  [parseBind, 'srv:/data', { says: 'invalid bind format' }],
  [parseBind, '/srv:data', { says: 'invalid bind format' }],
  [parseBind, '/srv:/', { says: 'invalid bind format' }],
  [parseBind, '/srv/../etc:/data', { says: 'invalid bind format' }],
  [parseBind, '/srv:/data/..', { says: 'invalid bind format' }],
  [parseBind, '/s|rv:/data', { says: 'invalid bind format' }],
  [parseBind, '/srv:/data:rx', { says: 'invalid bind format' }],
  [parseBind, '/srv:/data:ro:x', { says: 'invalid bind format' }],
  [parseBind, '/a:b:/data', { says: 'invalid bind format' }],
  [parseBind, '/srv:/da\nta', { says: 'invalid bind format' }],
  [parseNewBind, '/srv:/data', { is: '/srv:/data:rw' }],
  [parseNewBind, '/srv:/da\ufffeta', { says: 'no character' }],
  [parseBind, '/srv:/da\ufffeta:ro', { is: { host: '/srv', container: '/da\ufffeta', mode: 'ro' } }],
  [parseEnv, 'A=\u{1ffff}', { says: 'no character' }],
  [parseEnv, 'A_1=x y', { is: 'A_1=x y' }],
  [parseEnv, 'A=', { is: 'A=' }],
  [parseEnv, 'A=a=b', { is: 'A=a=b' }],
  [parseEnv, 'A', { says: 'expected KEY=VALUE' }],
  [parseEnv, '1A=x', { says: 'invalid environment variable' }],
  [parseEnv, 'A=x|y', { says: 'invalid environment variable' }],
  [parseEnv, 'A=x\ny', { says: 'invalid environment variable' }],
  [parsePort, '8080', { is: 'tcp:8080:8080' }],
  [parsePort, '8080:80', { is: 'tcp:8080:80' }],
  [parsePort, '8080:80/udp', { is: 'udp:8080:80' }],
  [parsePort, 'udp:53', { is: 'udp:53:53' }],
  [parsePort, 'tcp:8080:80', { is: 'tcp:8080:80' }],
  [parsePort, '', { says: 'invalid host port' }],
  [parsePort, '1:2:3', { says: 'invalid port format' }],
  [parsePort, 'tcp:1:2/udp', { says: 'invalid port format' }],
  [parsePort, 'sctp:1:2', { says: 'invalid port protocol' }],
  [parsePort, '1:2/sctp', { says: 'invalid port protocol' }],
  [parsePort, '65536:1', { says: 'invalid host port' }],
  [parsePort, '1:x', { says: 'invalid container port' }],
  [parsePort, '0:80', { says: 'port 0 is not allowed' }],
  [parsePort, '80:0', { says: 'port 0 is not allowed' }],
  [bridge, 'br-lan_0', { is: 'br-lan_0' }],
  [bridge, 'br 0', { says: 'may only contain alphanumeric characters' }],
  [bridge, 'br0\n', { says: 'may only contain alphanumeric characters' }],
  [bridge, 'b'.repeat(16), { says: 'at most 15 characters' }],
  [zone, 'z'.repeat(13), { says: 'at most 12 characters' }],
  [opaque, '/var/log /etc/x/', { is: ['/var/log', '/etc/x'] }],
  [opaque, 'var', { says: 'opaque directory must be an absolute path' }],
  [opaque, '/', { says: 'opaque directory must be an absolute path' }],
  [opaque, '/a/../b', { says: "must not contain '..'" }],
  [opaque, '/a /a', { says: 'duplicate opaque directory' }],
  [opaque, '/a /a/', { says: 'duplicate opaque directory' }],
  [parseMaskedService, 'getty@tty1.service', { is: 'getty@tty1.service' }],
  [parseMaskedService, 'a/b', { says: 'invalid masked service name' }],
  [parseMaskedService, 'a..b', { says: 'invalid masked service name' }],
  [parseMaskedService, '', { says: 'invalid masked service name' }],
  [parseSystemdLogLevel, 'debug', { is: 'debug' }],
  [parseSystemdLogLevel, 'loud', { says: 'invalid systemd log level' }],
  [parseRestartPolicy, 'OnFailure', { is: 'on-failure' }],
  [parseRestartPolicy, 'Never', { is: 'no' }],
  [parseRestartPolicy, 'always', { says: 'invalid restart policy' }],
];

for (const [parse, input, expected] of cases) {
  const outcome = 'is' in expected ? `is ${JSON.stringify(expected.is)}` : `is refused: ${expected.says}`;
  test(`${parse.name} ${JSON.stringify(input.slice(0, 20))} ${outcome}`, () => {
    if ('is' in expected) return assert.deepEqual(parse(input), expected.is);
    assert.throws(
      () => parse(input),
      (error) => {
        assert.ok(error instanceof SdmeError);
        assert.equal(error.code, 'input.invalid');
        assert.ok(error.message.includes(expected.says), error.message);
        return true;
      },
    );
  });
}

test('what a parser gives is taken again unchanged, as both ends parse an input', () => {
  const stable = (parse: (text: string) => unknown, text: string): void => {
    let once: unknown;
    try {
      once = parse(text);
    } catch {
      return;
    }
    if (typeof once === 'string') assert.equal(parse(once), once);
  };
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z0-9/:.|=,MG]{0,12}$/), (text) => {
      for (const [parse] of cases) stable(parse, text);
      stable((raw) => formatBind(parseBind(raw)), text);
    }),
  );
});

const create = contracts['container.create'];

test('container.create fills every default, and its own output is its input again', () => {
  const input = create.input.parse({ name: 'web', rootfs: 'debian', binds: ['/srv:/srv'], ports: [] });
  assert.deepEqual(input.binds, ['/srv:/srv:rw']);
  assert.equal(input.restart, 'no');
  assert.deepEqual(create.input.parse(input), input);
});

test('container.create locks the rootfs shared before the container', () => {
  const input = create.input.parse({ name: 'web', rootfs: 'debian' });
  assert.deepEqual(create.locks(input), [
    { kind: 'fs', name: 'debian', mode: 'shared' },
    { kind: 'containers', name: 'web', mode: 'exclusive' },
  ]);
  assert.deepEqual(create.locks(create.input.parse({ name: 'web' })), [
    { kind: 'containers', name: 'web', mode: 'exclusive' },
  ]);
});

const refusals: readonly (readonly [Record<string, unknown>, string])[] = [
  [{ name: 'Web' }, 'name must start with a lowercase letter'],
  [{ name: 'web', ports: ['80:80'] }, '--port requires --network-veth, --network-bridge, or --network-zone'],
  [
    { name: 'web', networkBridge: 'br0', networkZone: 'lan' },
    '--network-bridge and --network-zone exclude each other',
  ],
  [{ name: 'web', networkVeth: true, ports: ['8080:80', 'tcp:8080:81'] }, 'duplicate host port: tcp:8080'],
  [{ name: 'web', userns: true, usernsNested: 28_664 }, '--userns-nested must be 0-28663'],
  [{ name: 'web', timeout: 5 }, '--timeout requires --started'],
  [{ name: 'web', opaqueDirs: ['/a', '/a'] }, 'duplicate opaque directory: /a'],
  [{ name: 'web', storage: 'btrfs' }, 'unknown storage backend'],
  [{ name: 'web', memory: 'x' }, 'invalid --memory value'],
];

for (const [input, says] of refusals) {
  test(`container.create refuses ${JSON.stringify(input)}: ${says}`, () => {
    const parsed = create.input.safeParse(input);
    assert.equal(parsed.success, false);
    assert.ok(
      parsed.error?.issues.some((issue) => issue.message.includes(says)),
      String(parsed.error),
    );
  });
}
