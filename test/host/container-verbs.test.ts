import assert from 'node:assert/strict';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { containerListing } from '../../src/nspawn/read-side.ts';
import { embeddedUnitNames } from '../../src/queue/embedded-units.ts';
import { type ContainerStore, containerStore, output, outsideTestHost } from '../helpers/container-host.ts';
import { type SdmeProgram, sdmeProgram } from '../helpers/sdme-program.ts';

/** What a call must print: all of standard output, and all of standard error but the progress of jobs. */
type Expected = readonly [args: string, code: number, stdout: string, stderr: string | RegExp];

const noneFound = "error: nobody: no container found matching 'nobody'\nError: some containers could not be";

/** What the verbs for containers print and end with, word for word, where there is nothing to be done or it fails. */
describe('the container verbs', { skip: outsideTestHost(), timeout: 200_000 }, () => {
  const stack = new AsyncDisposableStack();
  let store: ContainerStore;
  let sdme: SdmeProgram;
  before(async () => {
    store = stack.use(await containerStore('container-verbs'));
    const { worker, queue } = embeddedUnitNames(store.layout);
    stack.defer(async () => void (await output('systemctl', 'stop', worker, queue)));
    sdme = sdmeProgram(store.layout);
  });
  after(() => stack.disposeAsync());

  async function runAll(calls: readonly Expected[]): Promise<void> {
    for (const [args, code, stdout, stderr] of calls) {
      const ended = await sdme.run(...args.split(' '));
      assert.deepEqual([ended.code, ended.stdout], [code, stdout], `${args}: ${ended.stderr}`);
      // Steps of jobs are indented, so that what is agreed upon stands alone.
      const said = ended.stderr.replaceAll(/^ {2}.*\n/gm, '');
      if (typeof stderr === 'string') assert.equal(said, stderr === '' ? '' : `${stderr}\n`, args);
      else assert.match(said, stderr, args);
    }
  }

  /** Runs the command line on a terminal, where somebody answers its question. */
  const answered = (answer: string, command: string): Promise<string> => {
    const env = `SDME_DATADIR=${store.layout.dataDir} SDME_RUNDIR=${store.layout.runtimeDir} TERM=dumb`;
    const line = `${env} ./sdme ${command}; echo "code $?"`;
    return output(
      'sh',
      '-c',
      'echo "$1" | script --quiet --return --command "$2" /dev/null',
      'sh',
      answer,
      line,
    );
  };

  test('with no container they say so', () =>
    runAll([
      ['ps', 0, 'no containers found\n', ''],
      ['ps --json', 0, '[]\n', ''],
      ['start --all', 0, '', 'no stopped containers to start'],
      ['stop --all', 0, '', 'no running containers to stop'],
      ['restart --all', 0, '', 'no running containers to restart'],
      ['rm --all', 0, '', 'no containers to remove'],
    ]));

  test('a name that nothing has is an error of each', () =>
    runAll([
      ['start nobody', 1, '', `${noneFound} started`],
      ['stop nobody', 1, '', `${noneFound} stopped`],
      ['restart nobody', 1, '', `${noneFound} restarted`],
      ['rm nobody', 1, '', `${noneFound} removed`],
      ['enable nobody', 1, '', `${noneFound} enabled`],
      ['disable nobody', 1, '', `${noneFound} disabled`],
      ['exec nobody true', 1, '', "Error: no container found matching 'nobody'"],
      ['join nobody', 1, '', "Error: no container found matching 'nobody'"],
      ['logs nobody', 1, '', "Error: no container found matching 'nobody'"],
      ['set nobody', 1, '', "Error: no container found matching 'nobody'"],
    ]));

  test('flags that contradict each other are usage errors, and nothing is submitted', () =>
    runAll([
      ['start', 2, '', 'Error: name a container, or use --all'],
      ['stop web --all', 2, '', 'Error: --all takes no names'],
      ['stop web --term --kill', 2, '', 'Error: --term and --kill exclude each other'],
      ['restart web --term --kill', 2, '', 'Error: --term and --kill exclude each other'],
      ['create web -r debian --timeout 5', 2, '', 'Error: --timeout requires --started'],
      ['create web -r debian --name db', 2, '', "Error: two names for one container: 'web' and 'db'"],
      ['start web --timeout soon', 2, '', 'Error: --timeout takes seconds'],
      ['exec web', 2, '', 'Error: name a command to run, for example: sdme exec web -- ls /'],
    ]));

  test('create refuses what cannot be in the agreed words, and leaves nothing', () =>
    runAll([
      ['create web -r none', 1, '', /^creating 'web'\nError: fs not found: .*\/fs\/none$/m],
      ['create web -r debian --memory 1X', 1, '', /^Error: invalid --memory suffix: "X"/],
      ['create web -r debian --cpus 0', 1, '', /^Error: --cpus must be positive/],
      ['create web -r debian --cpu-weight 0', 1, '', /^Error: --cpu-weight must be 1-10000/],
      ['create web -r debian --disk 1M', 1, '', /^Error: --disk must be at least 16M/],
      ['create web -r debian --storage btrfs', 1, '', /^Error: unknown storage backend/],
      ['create web -r debian -o log', 1, '', /^Error: opaque directory must be an absolute path/],
      ['create web -r debian -o /a/../b', 1, '', /^Error: opaque directory must not contain '\.\.'/],
      ['create web -r debian -o /a -o /a', 1, '', /^Error: duplicate opaque directory: \/a$/m],
      ['create web -r debian --network-zone a.b', 1, '', /may only contain alphanumeric characters/],
      [
        'create web -r debian -p 80',
        1,
        '',
        /^Error: --port requires --network-veth, --network-bridge, or --network-zone$/m,
      ],
      ['create web -r debian -b /etc', 1, '', /^Error: invalid bind format/],
      ['create web -r debian -b /no/such:/x', 1, '', /^Error: bind host path does not exist: \/no\/such$/m],
      [
        'create web -r debian -e 1A=b',
        1,
        '',
        /^Error: invalid environment variable "1A=b": expected KEY=VALUE$/m,
      ],
      ['create web -r debian --drop-capability fly', 1, '', /^Error: unknown capability: fly$/m],
      [
        'create web -r debian --capability bpf --drop-capability CAP_BPF',
        1,
        '',
        /^Error: capability CAP_BPF appears in both --capability and --drop-capability$/m,
      ],
      [
        'create web -r debian --system-call-filter ~',
        1,
        '',
        /^Error: system call filter cannot be just '~'$/m,
      ],
      [
        'create web -r debian --system-call-filter Mount',
        1,
        '',
        /^Error: invalid system call filter: Mount\n/m,
      ],
      [
        'create web -r debian --apparmor-profile a/b',
        1,
        '',
        /^Error: invalid character '\/' in AppArmor profile name$/m,
      ],
      ['create web -r debian --systemd-log-level loud', 1, '', /^Error: invalid systemd log level/],
      ['create web -r debian --restart always', 1, '', /^Error: invalid restart policy/],
      ['create web -r debian --masked-services a/b', 1, '', /^Error: invalid masked service name/],
      ['create web -r debian --oci-env A=1', 1, '', /^Error: --oci-env requires an OCI app rootfs$/m],
      ['create Web -r debian', 1, '', 'Error: name must start with a lowercase letter'],
      ['ps', 0, 'no containers found\n', ''],
    ]));

  test('a stopped container is limited, enabled, listed and removed', async () => {
    const { layout } = store;
    const header = 'NAME  STATUS   HEALTH  USERNS  ENABLED  MOUNTS  ADDRESSES  OS\n';
    const os = '-          Debian GNU/Linux 13 (trixie)\n';
    await runAll([
      [
        'create web -r debian --disk 20M --enable -b /etc:/mnt:ro',
        0,
        'web\n',
        "creating 'web'\nwarning: --disk has no effect on overlay storage and is not stored\nenabled 'web' for auto-start on boot",
      ],
      ['create web -r debian', 1, '', "creating 'web'\nError: container already exists: web"],
      ['create db -r debian', 0, 'db\n', "creating 'db'"],
      [
        'ps',
        0,
        `${header}db    stopped  ok      no      no       no      ${os}web   stopped  ok      no      yes      yes     ${os}`,
        '',
      ],
      ['set w --memory 1g --cpus .5 --cpu-weight 20', 0, 'web\n', ''],
      ['stop web', 0, 'web\n', "stopping 'web'"],
      ['exec web true', 1, '', "Error: container 'web' is not running"],
      ['join web true', 1, '', "Error: container 'web' is not running (use --start to start it)"],
      ['disable web', 0, 'web\n', "disabling 'web'"],
    ]);
    const modes = ['', '/state', '/containers', '/containers/web', '/containers/web/upper'].map((path) =>
      (statSync(`${layout.dataDir}${path}`).mode & 0o7777).toString(8),
    );
    assert.deepEqual(modes, ['700', '700', '700', '700', '755']);
    const pretty = await sdme.ok('ps', '--json-pretty');
    const config = `${layout.dataDir}/json.conf`;
    writeFileSync(config, 'default_output_format = "json"\n');
    const line = await sdme.ok('ps', '--config', config);
    assert.ok(pretty.includes('\n  {\n    "name": "db",\n') && !line.includes('\n'), pretty);
    assert.deepEqual(JSON.parse(line), JSON.parse(pretty));
    const web = containerListing.parse(JSON.parse(line)[1]);
    assert.deepEqual(
      [web.limits, web.binds, web.disk_used],
      [{ memory: '1G', cpus: '.5', cpu_weight: '20', disk: null }, ['/etc:/mnt:ro'], null],
    );
    mkdirSync(`${layout.volumesDir}/web`, { recursive: true });
    await runAll([
      ['rm web', 0, 'web\n', `removing 'web'\nvolume data retained at ${layout.volumesDir}/web`],
    ]);
    const kept = await answered('n', 'rm --all');
    assert.match(kept, /^are you sure\? \[y\/N\] .*aborted\r?\ncode 1\r?\n$/ms);
    assert.match(
      await answered('y', 'rm --all'),
      /are you sure\? \[y\/N\] .*^removing 'db'.*^db\r\ncode 0/ms,
    );
  });
});
