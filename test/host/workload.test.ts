import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { output, outsideTestHost, traces } from '../helpers/container-host.ts';
import { startDockerRegistry } from '../helpers/docker-registry.ts';
import { pushBusyboxes, pushServers } from '../helpers/server-images.ts';
import { openWorkloadStage, type WorkloadStage } from '../helpers/workload-stage.ts';

const run = promisify(execFile);

/** Runs a client in the network of a container; what it printed, or nothing when it failed. */
type Client = (program: string, ...args: string[]) => Promise<string>;

interface Server {
  /** Asks it something as its users do; true for the right answer. */
  readonly answers: (client: Client, container: string) => Promise<boolean>;
  /** In its journal once it answered. */
  readonly logs: RegExp;
  /** In its journal once it was stopped. */
  readonly saysGoodbye?: RegExp;
}

/** Every workload comes back after a crash: a drop-in of the base for all of them. */
const baseFiles = {
  'etc/systemd/system/sdme-oci-.service.d/restart.conf':
    '[Service]\nRestart=on-failure\nRestartSec=100ms\nTimeoutStopSec=20s\n',
};

const hasAppArmor = existsSync('/sys/kernel/security/apparmor/profiles');
const tiers = {
  default: [],
  hardened: ['--hardened', '--network-veth'],
  strict: ['--strict', ...(hasAppArmor ? [] : ['--apparmor-profile', 'unconfined'])],
} as const;

describe('servers from a registry, in containers of each tier', {
  skip: outsideTestHost(),
  timeout: 300_000,
}, () => {
  const stack = new AsyncDisposableStack();
  let stage: WorkloadStage;

  const psql = async (container: string, statement: string): Promise<string> => {
    const client = ['psql', '-h', '127.0.0.1', '-U', 'postgres', '-Atqc', statement];
    const { code, stdout } = await stage.sdme.run('exec', container, '--oci', 'postgres', '--', ...client);
    return code === 0 ? stdout.trim() : '';
  };
  const servers: Readonly<Record<string, Server>> = {
    nginx: {
      answers: async (client) =>
        (await client('curl', '-s', 'http://127.0.0.1/')).includes('Welcome to nginx'),
      logs: /"GET \/ HTTP\/1\.1" 200/,
      saysGoodbye: /gracefully shutting down/,
    },
    redis: {
      answers: async (client) => (await client('redis-cli', '-p', '6390', 'ping')) === 'PONG\n',
      logs: /Ready to accept connections/,
      saysGoodbye: /Redis is now ready to exit, bye bye/,
    },
    postgres: {
      answers: async (_client, container) => (await psql(container, 'select 41 + 1')) === '42',
      logs: /database system is ready to accept connections/,
      saysGoodbye: /database system is shut down/,
    },
    static: {
      answers: async (client) => (await client('curl', '-s', 'http://127.0.0.1:8081/')) === 'static\n',
      logs: /response:200/,
    },
    busybox: {
      answers: async (client) =>
        (await client('curl', '-s', 'http://127.0.0.1:8082/')).startsWith('uid=65534 gid=65534'),
      logs: /response:200/,
    },
  };
  const names = Object.keys(servers);
  const units = names.map((name) => `sdme-oci-${name}.service`);
  const rootfs = names.at(-1) ?? '';

  before(async () => {
    stage = stack.use(await openWorkloadStage('workload', baseFiles));
    const registry = stack.use(await startDockerRegistry());
    await pushServers(registry.host, stage.dir, ['nginx', 'redis', 'postgres']);
    await pushBusyboxes(registry.host);
    // Each application is put on the rootfs of those before, so that one container of the last runs all of them.
    for (const [index, name] of names.entries())
      await stage.sdme.ok(
        'fs',
        'import',
        `${registry.host}/${name}`,
        '--base-fs',
        names[index - 1] ?? 'base',
      );
  });
  after(() => stack.disposeAsync());

  for (const [tier, flags] of Object.entries(tiers)) {
    describe(`tier ${tier}`, () => {
      const container = `srv-${tier}`;
      const created = { notes: '' };
      const client: Client = async (program, ...args) => {
        const leader = await output('machinectl', 'show', '-P', 'Leader', container);
        const enter = ['--target', leader.trim(), '--net', '--', program, ...args];
        return run('nsenter', enter).then(
          ({ stdout }) => stdout,
          () => '',
        );
      };
      const untilAllAnswer = async (): Promise<void> => {
        for (const [name, { answers }] of Object.entries(servers))
          await stage.until(`${name} to answer`, container, name, () => answers(client, container));
      };

      before(async () => {
        const { code, stderr } = await stage.sdme.run(
          'create',
          container,
          '-r',
          rootfs,
          ...flags,
          '--started',
        );
        assert.equal(code, 0, stderr);
        created.notes = stderr;
      });
      after(async () => {
        const { code, stderr } = await stage.sdme.run('rm', container);
        assert.equal(code, 0, stderr);
        assert.match(stderr, /volume data retained at /);
        const kept = join(stage.layout.volumesDir, container, 'var-lib-postgresql-data');
        assert.ok(existsSync(join(kept, 'PG_VERSION')), 'a volume outlives its container');
        assert.deepEqual(await traces(stage.layout, container), []);
      });

      test('each answers its protocol to a real client', untilAllAnswer);

      test('who makes it is told of ports and volumes, and declared ports answer on the host', async () => {
        assert.match(created.notes, /auto-mounting OCI volumes: \/var\/lib\/postgresql\/data$/m);
        if (tier === 'default')
          return assert.match(
            created.notes,
            /OCI image exposes ports: 80\/tcp, 6390\/tcp \(host network, no forwarding needed\)/,
          );
        assert.match(created.notes, /auto-forwarding OCI ports: tcp:80:80, tcp:6390:6390$/m);
        if (tier === 'strict') return;
        // The host's end of the link: a local address of the host, on whose ports the container's are.
        const link = await output('ip', '-4', '-o', 'address', 'show', 'dev', `ve-${container}`);
        const [, host = ''] = /inet ([0-9.]+)/.exec(link) ?? [];
        await stage.until(
          'the forwarded port',
          container,
          'redis',
          async () =>
            (await run('redis-cli', ['-h', host, '-p', '6390', 'ping']).catch(() => undefined))?.stdout ===
            'PONG\n',
        );
      });

      test('what each says is in the journal under its name', async () => {
        for (const [name, { logs }] of Object.entries(servers))
          await stage.until(`the log of ${name}`, container, name, async () =>
            logs.test(await stage.journal(container, name)),
          );
      });

      test('each is restarted by systemd after a kill, and answers again', async () => {
        if ((await psql(container, 'create table kept as select 7 as value')) !== '') assert.fail();
        await stage.inside(container, 'systemctl', 'kill', '--signal=KILL', ...units);
        for (const name of names)
          await stage.until(
            `${name} to be restarted`,
            container,
            name,
            async () => (await stage.unit(container, name, 'NRestarts')) === '1',
          );
        await untilAllAnswer();
        assert.equal(await psql(container, 'select value from kept'), '7', 'a volume keeps its data');
      });

      test('each stops by itself within its grace period, which is no failure', async () => {
        await stage.inside(container, 'systemctl', 'stop', ...units);
        for (const [name, { saysGoodbye }] of Object.entries(servers)) {
          const state = await Promise.all(
            ['ActiveState', 'Result'].map((property) => stage.unit(container, name, property)),
          );
          assert.deepEqual(state, ['inactive', 'success'], name);
          if (saysGoodbye !== undefined) assert.match(await stage.journal(container, name), saysGoodbye);
        }
      });
    });
  }
});
