import assert from 'node:assert/strict';
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { toSdmeError } from '../../src/base/errors.ts';
import { errorText } from '../../src/cli/output/error-text.ts';
import { parseCommandLine } from '../../src/cli/program.ts';
import { containerListing } from '../../src/nspawn/read-side.ts';
import { embeddedUnitNames } from '../../src/queue/embedded-units.ts';
import { cliSession } from '../helpers/cli-session.ts';
import {
  type ContainerStore,
  containerStore,
  output,
  outsideTestHost,
  traces,
} from '../helpers/container-host.ts';
import { fakeOutput } from '../helpers/fake-output.ts';
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

  /** Calls verbs that print nothing on standard output and submit nothing: in this process, which saves time. */
  async function callAll(
    calls: readonly (readonly [args: string, code: number, stderr: string])[],
  ): Promise<void> {
    for (const [args, code, stderr] of calls) {
      const parsed = parseCommandLine(args.split(' '), 'sdme 0');
      assert.ok(parsed.kind === 'call', args);
      const { verb, ...words } = parsed.call;
      const printed = fakeOutput();
      await using session = cliSession({ directory: store.layout.runtimeDir, output: printed });
      const error = await verb
        .load()
        .then(({ run }) => run({ ...words, session }))
        .then(() => assert.fail(args), toSdmeError);
      const said = [...printed.notes, `Error: ${errorText(error)}`].join('\n');
      assert.deepEqual([error.code === 'usage' ? 2 : 1, printed.results, said], [code, [], stderr], args);
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
    callAll([
      ['start nobody', 1, `${noneFound} started`],
      ['stop nobody', 1, `${noneFound} stopped`],
      ['restart nobody', 1, `${noneFound} restarted`],
      ['rm nobody', 1, `${noneFound} removed`],
      ['enable nobody', 1, `${noneFound} enabled`],
      ['disable nobody', 1, `${noneFound} disabled`],
      ['exec nobody true', 1, "Error: no container found matching 'nobody'"],
      ['join nobody', 1, "Error: no container found matching 'nobody'"],
      ['logs nobody', 1, "Error: no container found matching 'nobody'"],
      ['set nobody', 1, "Error: no container found matching 'nobody'"],
    ]));

  test('flags that contradict each other are usage errors, and nothing is submitted', () =>
    callAll([
      ['start', 2, 'Error: name a container, or use --all'],
      ['stop web --all', 2, 'Error: --all takes no names'],
      ['stop web --term --kill', 2, 'Error: --term and --kill exclude each other'],
      ['restart web --term --kill', 2, 'Error: --term and --kill exclude each other'],
      ['create web -r debian --timeout 5', 2, 'Error: --timeout requires --started'],
      ['create web -r debian --name db', 2, "Error: two names for one container: 'web' and 'db'"],
      [
        'create web --network-bridge a --network-zone b',
        2,
        'Error: --network-bridge and --network-zone exclude each other',
      ],
      ['start web --timeout soon', 2, 'Error: --timeout takes seconds'],
      ['exec web', 2, 'Error: name a command to run, for example: sdme exec web -- ls /'],
    ]));

  test('create refuses what cannot be in the agreed words, and leaves nothing', () =>
    runAll([
      ['create web -r none', 1, '', /^creating 'web'\nError: fs not found: .*\/fs\/none$/m],
      ['create Web -r debian', 1, '', 'Error: name must start with a lowercase letter'],
      [
        'create web -r debian -p 80',
        1,
        '',
        'Error: --port requires --network-veth, --network-bridge, or --network-zone',
      ],
      ['create web -r debian -b /no/such:/x', 1, '', /^Error: bind host path does not exist: \/no\/such$/m],
      [
        'create web -r debian --capability bpf --drop-capability CAP_BPF',
        1,
        '',
        /^Error: capability CAP_BPF appears in both --capability and --drop-capability$/m,
      ],
      [
        'create web -r debian --system-call-filter Mount',
        1,
        '',
        /^Error: invalid system call filter: Mount$/m,
      ],
      [
        'create web -r debian --system-call-filter ~nosuchcall',
        1,
        '',
        /^Error: unknown system call filter: ~nosuchcall; /m,
      ],
      [
        'create web -r debian --strict --system-call-filter @nosuch',
        1,
        '',
        /^Error: unknown system call filter: @nosuch; /m,
      ],
      ['create web -r debian --oci-env A=1', 1, '', /^Error: --oci-env requires an OCI app rootfs$/m],
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
    // The most that is accepted is a limit to systemd, and not none.
    await runAll([['set db --memory 8388607T', 0, 'db\n', '']]);
    const limit = await output('systemctl', 'show', '-P', 'MemoryMax', 'sdme@db.service');
    assert.equal(limit, '9223370937343148032\n');
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
    const refused = await answered('n', 'join db -- hostname');
    assert.match(
      refused,
      /^container 'db' is not running; start it\? \[y\/N\] .*^Error: container 'db' is not running/ms,
    );
    const joined = await answered('y', 'join db -- hostname');
    assert.match(joined, /^starting 'db'\r$.*^joining 'db'\r$.*db\r\n(\^@)?code 0/ms);
    const kept = await answered('n', 'rm --all');
    assert.match(kept, /^are you sure\? \[y\/N\] .*aborted\r?\ncode 1\r?\n$/ms);
    assert.match(
      await answered('y', 'rm --all'),
      /are you sure\? \[y\/N\] .*^removing 'db'.*^db\r\ncode 0/ms,
    );
  });

  test('what is not whole is listed with what is missing, and can be removed', async () => {
    const { layout } = store;
    mkdirSync(`${layout.rootfsDir('small')}/etc`, { recursive: true });
    await runAll([
      ['create odd -r small', 0, 'odd\n', "creating 'odd'"],
      ['create gone -r small', 0, 'gone\n', "creating 'gone'"],
    ]);
    rmSync(layout.rootfsDir('small'), { recursive: true });
    rmSync(layout.containerDir('gone'), { recursive: true });
    const health = (await sdme.ok('ps')).split('\n').map((line) => line.split(/ {2,}/).slice(0, 3));
    assert.deepEqual(health.slice(1), [
      ['gone', 'stopped', 'missing container dir,missing fs'],
      ['odd', 'stopped', 'missing fs'],
    ]);
    await runAll([
      ['create gone -r debian', 1, '', "creating 'gone'\nError: state file already exists for: gone"],
      ['start odd', 1, '', /^starting 'odd'\nerror: odd: fs not found: .*\/fs\/small\b/],
      ['rm odd gone', 0, 'odd\ngone\n', "removing 'odd'\nremoving 'gone'"],
    ]);
  });

  test('a container that does not come up is shown why and not kept, also by new', async () => {
    const said = [
      "creating 'never'",
      "starting 'never'",
      "boot failed, stopping 'never'",
      '--- journal of sdme@never.service ---',
      '(?:.*\\n)+?--- end of journal of sdme@never.service ---',
      "start failed, removing 'never'",
      "Error: container 'never' failed to boot; its journal is in the log",
    ];
    const expected = new RegExp(`^${said.join('\\n')}\\n$`);
    await runAll([
      ['create never -r debian -b /etc:/usr:ro --started -t 20', 1, '', expected],
      ['new never -r debian -b /etc:/usr:ro -- true', 1, '', expected],
    ]);
    assert.deepEqual(await traces(store.layout, 'never'), []);
  });

  test('in a clone of the host who called sudo is who joins, unless --user says otherwise', async () => {
    const asDaemon = sdmeProgram(store.layout, { SUDO_USER: 'daemon' });
    const made = await asDaemon.run('new', 'clone', '--', 'id', '-un');
    assert.deepEqual([made.code, made.stdout], [0, 'daemon\n'], made.stderr);
    assert.match(made.stderr, /^joining 'clone' as daemon$/m);
    const joined = await asDaemon.run('join', 'clone', '--user', 'root', '--', 'id', '-un');
    assert.deepEqual([joined.stdout, joined.stderr], ['root\n', "joining 'clone'\n"]);
    assert.equal(await sdme.ok('stop', '--all', '--term'), 'clone');
    assert.equal(await sdme.ok('rm', 'clone'), 'clone');
  });
});
