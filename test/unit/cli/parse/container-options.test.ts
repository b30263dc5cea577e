import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { z } from 'zod';
import { containerInput, containerOptions } from '../../../../src/cli/parse/container-options.ts';
import { parseOptions } from '../../../../src/cli/parse/options.ts';
import { parseCommandLine } from '../../../../src/cli/program.ts';
import { containerOptionSpecs } from '../../../../src/cli/verbs/container-option-specs.ts';
import { contracts } from '../../../../src/contracts/index.ts';

const schema = z.strictObject(containerOptions);

/** The job's input that a command line asks for, as the worker gets it. */
function inputOf(words: readonly string[]): Record<string, unknown> {
  const parsed = parseCommandLine(['create', ...words], 'sdme 0');
  assert.ok(parsed.kind === 'call', words.join(' '));
  const { name, ...options } = parseOptions(schema, parsed.call.options);
  return contracts['container.create'].input.parse({ ...containerInput(options), name: name ?? 'box' });
}

const plain = inputOf([]);

/** What differs from a container without flags. */
function changes(words: readonly string[]): Record<string, unknown> {
  const input = inputOf(words);
  const keys = [...new Set([...Object.keys(plain), ...Object.keys(input)])];
  const differs = (key: string): boolean => JSON.stringify(plain[key]) !== JSON.stringify(input[key]);
  return Object.fromEntries(keys.filter(differs).map((key) => [key, input[key]]));
}

/** Flags, and just what each changes (contract 1.2). */
const golden: readonly (readonly [words: string, changed: Record<string, unknown>])[] = [
  ['--name web', { name: 'web' }],
  ['--fs debian', { rootfs: 'debian' }],
  ['-r debian', { rootfs: 'debian' }],
  ['--memory 512m', { memory: '512M' }],
  ['--cpus 1.5', { cpus: '1.5' }],
  ['--cpu-weight 200', { cpuWeight: '200' }],
  ['--disk 1g', { disk: '1G' }],
  ['--storage overlay', { storage: 'overlay' }],
  ['--overlayfs-opaque-dirs /a,/b -o /c', { opaqueDirs: ['/a', '/b', '/c'] }],
  ['--private-network', { privateNetwork: true }],
  ['--network-veth', { networkVeth: true }],
  ['--network-bridge br0', { networkBridge: 'br0' }],
  ['--network-zone lan', { networkZone: 'lan' }],
  [
    '--port 8080:80 -p 53:53/udp -p tcp:1:2 --network-veth',
    { networkVeth: true, ports: ['tcp:8080:80', 'udp:53:53', 'tcp:1:2'] },
  ],
  ['--bind /srv:/data -b /etc:/mnt:ro', { binds: ['/srv:/data:rw', '/etc:/mnt:ro'] }],
  ['--env A=1 -e B=x=y', { envs: ['A=1', 'B=x=y'] }],
  ['--userns', { userns: true }],
  ['-u', { userns: true }],
  ['-u --userns-nested 2', { userns: true, usernsNested: 2 }],
  ['--drop-capability net_raw --drop-capability CAP_SYSLOG', { dropCapabilities: ['net_raw', 'CAP_SYSLOG'] }],
  ['--capability CAP_NET_ADMIN', { capabilities: ['CAP_NET_ADMIN'] }],
  ['--no-new-privileges', { noNewPrivileges: true }],
  ['--read-only', { readOnly: true }],
  ['--system-call-filter ~@debug --system-call-filter read', { systemCallFilters: ['~@debug', 'read'] }],
  ['--apparmor-profile sdme-default', { apparmorProfile: 'sdme-default' }],
  ['--hardened', { tier: 'hardened' }],
  ['--strict', { tier: 'strict' }],
  ['--strict --hardened', { tier: 'strict' }],
  ['--systemd-log-level debug', { systemdLogLevel: 'debug' }],
  ['--no-oci-ports', { noOciPorts: true }],
  ['--no-oci-volumes', { noOciVolumes: true }],
  ['--oci-env A=1 --oci-env B=2', { ociEnvs: ['A=1', 'B=2'] }],
  ['--enable', { enable: true }],
  ['--restart OnFailure', { restart: 'on-failure' }],
  ['--masked-services a.service,b.service', { maskedServices: ['a.service', 'b.service'] }],
];

describe('flags of create and new become the input of container.create', () => {
  for (const [line, changed] of golden) {
    test(line, () => assert.deepEqual(changes(line.split(' ')), changed));
  }

  test('--masked-services with nothing masks nothing', () => {
    assert.deepEqual(changes(['--masked-services', '']), { maskedServices: [] });
  });

  test('every flag is tried above', () => {
    const tried = golden.map(([line]) => line).join(' ');
    for (const { flags } of containerOptionSpecs) {
      const long = /--[a-z-]+/.exec(flags)?.[0] ?? '';
      assert.ok(`${tried} `.includes(`${long} `), long);
    }
  });
});

test('a value that is empty is said to be', () => {
  for (const [flag, says] of [
    ['--system-call-filter', /^system call filter cannot be empty$/],
    ['--capability', /^a capability cannot be empty$/],
  ] as const) {
    const parsed = parseCommandLine(['create', flag, ''], 'sdme 0');
    assert.ok(parsed.kind === 'call');
    const options = parseOptions(schema, parsed.call.options);
    const read = contracts['container.create'].input.safeParse({ ...containerInput(options), name: 'box' });
    assert.match(read.error?.issues[0]?.message ?? '', says);
  }
});
