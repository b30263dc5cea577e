import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { z } from 'zod';
import { containerInput, containerOptions } from '../../../src/cli/parse/container-options.ts';
import { parseOptions } from '../../../src/cli/parse/options.ts';
import { parseCommandLine } from '../../../src/cli/program.ts';
import { parseSettings } from '../../../src/config/load.ts';
import { contracts } from '../../../src/contracts/index.ts';
import { nspawnArguments } from '../../../src/nspawn/arguments.ts';
import { newRecord } from '../../../src/nspawn/new-record.ts';
import { formatRecord, parseRecord } from '../../../src/nspawn/record.ts';

const schema = z.strictObject(containerOptions);
const settings = parseSettings({}, 'the defaults');

interface Start {
  /** What nspawn is called with. */
  readonly args: readonly string[];
  readonly profile: string | undefined;
  /** Lines of the state file. */
  readonly state: readonly string[];
}

/** What a command line starts a container with: through the job's input and the state file. */
function startOf(words: readonly string[]): Start {
  const parsed = parseCommandLine(['create', 'box', '-r', 'debian', ...words], 'sdme 0');
  assert.ok(parsed.kind === 'call', words.join(' '));
  const { name: _, ...options } = parseOptions(schema, parsed.call.options);
  const input = contracts['container.create'].input.parse({ ...containerInput(options), name: 'box' });
  const { record } = newRecord(input, { now: 0, isNixos: false, applications: [], settings });
  const state = formatRecord(record);
  const read = parseRecord(state);
  return { args: nspawnArguments(read), profile: read.APPARMOR_PROFILE, state: state.split('\n') };
}

/** A flag, and the arguments it must lead to whatever stands beside it. */
const flags: readonly (readonly [words: readonly string[], leadsTo: readonly string[]])[] = [
  [['--userns'], ['--private-users=pick']],
  [['--private-network'], ['--private-network']],
  [['--network-veth'], ['--private-network', '--network-veth']],
  [['--no-new-privileges'], ['--no-new-privileges=yes']],
  [['--read-only'], ['--read-only']],
  [['--drop-capability', 'mknod'], ['--drop-capability=CAP_MKNOD']],
  [['--capability', 'sys_ptrace'], ['--capability=CAP_SYS_PTRACE']],
  [['--system-call-filter', '~@mount'], ['--system-call-filter=~@mount']],
  [['--apparmor-profile', 'mine'], []],
  [
    ['--hardened'],
    [
      '--private-users=pick',
      '--private-network',
      '--no-new-privileges=yes',
      '--drop-capability=CAP_SYS_BOOT',
    ],
  ],
  [
    ['--strict'],
    ['--private-users=pick', '--private-network', '--no-new-privileges=yes', '--drop-capability=CAP_SYSLOG'],
  ],
];

test('every flag of confinement does what it does alone, whichever others stand beside it', () => {
  for (let subset = 0; subset < 1 << flags.length; subset += 1) {
    const chosen = flags.filter((_, bit) => (subset >> bit) % 2 === 1);
    const words = chosen.flatMap(([flag]) => flag);
    const { args, profile } = startOf(words);
    for (const wanted of chosen.flatMap(([, leadsTo]) => leadsTo)) {
      assert.ok(args.includes(wanted), `${words.join(' ')}: ${wanted} in ${args.join(' ')}`);
    }
    const has = (flag: string): boolean => words.includes(flag);
    assert.equal(
      profile,
      has('--apparmor-profile') ? 'mine' : has('--strict') ? 'sdme-default' : undefined,
      words.join(' '),
    );
    // What is taken away for good: nothing given back by another flag, nothing twice, nothing added and dropped.
    const dropped = args.filter((arg) => arg.startsWith('--drop-capability='));
    assert.equal(new Set(dropped).size, dropped.length, words.join(' '));
    assert.equal(
      dropped.includes('--drop-capability=CAP_SYS_PTRACE'),
      (has('--hardened') || has('--strict')) && !has('--capability'),
    );
    assert.equal(
      dropped.includes('--drop-capability=CAP_NET_RAW'),
      (has('--hardened') || has('--strict')) && !has('--network-veth'),
    );
    const filters = args.filter((arg) => arg.startsWith('--system-call-filter='));
    const own = has('--system-call-filter') ? 1 : 0;
    assert.equal(filters.length, own === 1 ? 1 : has('--strict') ? 4 : 0, words.join(' '));
  }
});

/** Flags that confine nothing by themselves, and what arguments or lines of the record they must lead to. */
const others: readonly (readonly [words: readonly string[], leadsTo: readonly string[]])[] = [
  [
    ['--network-zone', 'lan'],
    ['--private-network', '--network-zone=lan'],
  ],
  [
    ['--network-veth', '--port', '8080:80'],
    ['--network-veth', '--port=tcp:8080:80'],
  ],
  [['--bind', '/srv:/mnt:ro'], ['--bind-ro=/srv:/mnt']],
  [['--env', 'A=b'], ['--setenv=A=b']],
  [['--memory', '1g'], ['MEMORY=1G']],
  [['--cpus', '1.5'], ['CPUS=1.5']],
  [['--cpu-weight', '20'], ['CPU_WEIGHT=20']],
  [['--overlayfs-opaque-dirs', '/a,/b'], ['OPAQUE_DIRS=/a,/b']],
  [['--masked-services', 'x.service'], ['MASKED_SERVICES=x.service']],
  [['--systemd-log-level', 'debug'], ['SYSTEMD_LOG_LEVEL=debug']],
  [
    ['--restart', 'on-failure'],
    ['RESTART_POLICY=on-failure', 'RESTART_SEC=2'],
  ],
  [['--enable'], ['ENABLED=yes']],
  [
    ['--userns', '--userns-nested', '2'],
    ['USERNS=yes', 'USERNS_RANGE=196608'],
  ],
];

test('any flags in any order make a container that has what each of them asks for', () => {
  const all = [...flags, ...others];
  const wordsOf = (chosen: typeof flags): string[] => chosen.flatMap(([flag]) => flag);
  fc.assert(
    fc.property(fc.shuffledSubarray(all), (shuffled) => {
      const start = startOf(wordsOf(shuffled));
      const leads = [...start.args, ...start.state];
      for (const wanted of shuffled.flatMap(([, leadsTo]) => leadsTo)) {
        // Binds have `:idmap` behind them where there are users to map them to.
        assert.ok(
          leads.some((lead) => lead === wanted || lead === `${wanted}:idmap`),
          `${wordsOf(shuffled).join(' ')}: ${wanted} in ${leads.join(' ')}`,
        );
      }
      const inOrder = all.filter((flag) => shuffled.includes(flag));
      assert.deepEqual(startOf(wordsOf(inOrder)), start);
    }),
    { numRuns: 300 },
  );
});
