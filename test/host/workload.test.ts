import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { handleContainerCreate } from '../../jobs/container-create.ts';
import { handleContainerRm } from '../../jobs/container-rm.ts';
import { handleContainerStart } from '../../jobs/container-start.ts';
import { handleFsImport } from '../../jobs/fs-import.ts';
import { handleFsRm } from '../../jobs/fs-rm.ts';
import { contracts } from '../../src/contracts/index.ts';
import { applicationPid } from '../../src/nspawn/application-process.ts';
import { applicationCommand, execCommand } from '../../src/nspawn/exec-command.ts';
import { removeTree } from '../../src/system/fs/remove-tree.ts';
import { loggedContext, output, outsideTestHost, traces } from '../helpers/container-host.ts';
import { debianImage, debianTree } from '../helpers/debian-image.ts';
import { openTestStore, type TestStore } from '../helpers/import-store.ts';
import { layoutFiles, testImage, writeFiles } from '../helpers/oci-image.ts';
import { namesIn, serverLayout } from '../helpers/server-images.ts';
import { waitFor } from '../helpers/wait-for.ts';

const run = promisify(execFile);

const postgres = `set -e
data=/var/lib/postgresql/data
bin=$(echo /usr/lib/postgresql/*/bin)
chown postgres: "$data"
as='setpriv --reuid=postgres --regid=postgres --clear-groups'
[ -s "$data/PG_VERSION" ] || $as "$bin/initdb" -D "$data" -A trust > /tmp/initdb.log
exec $as "$bin/postgres" -D "$data" -c unix_socket_directories=/tmp -c port=5455`;

interface Server {
  readonly config: object;
  /** True once it answers as it should. */
  readonly answers: (name: string) => Promise<boolean>;
  /** In its journal once it answered. */
  readonly logs: RegExp;
}

const get = async (url: string): Promise<string> =>
  await fetch(url)
    .then((answer) => answer.text())
    .catch(() => '');

async function inside(container: string, ...command: string[]): Promise<string> {
  const { program, args } = execCommand({ container, command });
  return output(program, ...args);
}

async function beside(container: string, ...command: string[]): Promise<string> {
  const { program, args } = applicationCommand(await applicationPid(container, container), command);
  return (await run(program, [...args])).stdout;
}

const servers: Readonly<Record<string, Server>> = {
  nginx: {
    config: {
      Entrypoint: ['nginx', '-g', 'daemon off; error_log /dev/stderr notice;'],
      ExposedPorts: { '80/tcp': {} },
      StopSignal: 'SIGQUIT',
    },
    answers: async () => (await get('http://127.0.0.1:80/')).includes('Welcome to nginx'),
    logs: /"GET \/ HTTP\/1\.1" 200/,
  },
  redis: {
    config: {
      User: 'redis',
      WorkingDir: '/var/lib/redis',
      Cmd: ['redis-server', '--port', '6390', '--save', ''],
      ExposedPorts: { '6390/tcp': {} },
    },
    answers: async () => (await output('redis-cli', '-p', '6390', 'ping').catch(() => '')).trim() === 'PONG',
    logs: /Ready to accept connections/,
  },
  postgres: {
    config: {
      Entrypoint: ['/bin/sh', '-c', postgres],
      Volumes: { '/var/lib/postgresql/data': {} },
      StopSignal: 'SIGINT',
    },
    answers: async (name) =>
      (
        await beside(
          name,
          'psql',
          '-h',
          '/tmp',
          '-p',
          '5455',
          '-U',
          'postgres',
          '-Atc',
          'select 41 + 1',
        ).catch(() => '')
      ).trim() === '42',
    logs: /database system is ready to accept connections/,
  },
};

describe('workloads', { skip: outsideTestHost(), timeout: 600_000 }, () => {
  const stack = new AsyncDisposableStack();
  let store: TestStore & { readonly host: string };
  let layout: { readonly path: string; configure(config: object): Promise<void> };
  before(async () => {
    const dataDir = '/var/lib/sdme/workload';
    stack.defer(() => removeTree(dataDir));
    store = Object.assign(stack.use(await openTestStore({ oci_cache_max_size: '0' }, dataDir)), {
      host: 'test',
    });
    const path = join(store.dir, 'servers');
    layout = { path, ...(await serverLayout(path)) };
    const input = contracts['fs.import'].input.parse({ name: 'base', source: (await debianImage()).tarball });
    await handleFsImport(loggedContext(undefined, 'base').ctx, input, store);
  });
  after(() => stack.disposeAsync());

  const importApp = async (name: string, source: string): Promise<void> => {
    const input = contracts['fs.import'].input.parse({ name, source, baseFs: 'base', ociMode: 'app' });
    await handleFsImport(loggedContext(undefined, `import-${name}`).ctx, input, store);
  };
  const boot = async (name: string, more: object = {}): Promise<string[]> => {
    const { ctx, lines } = loggedContext();
    const input = contracts['container.create'].input.parse({ name, rootfs: name, ...more });
    await handleContainerCreate(ctx, input, store);
    await handleContainerStart(loggedContext().ctx, { name, timeout: 90 }, store);
    return lines;
  };
  const remove = async (name: string): Promise<void> => {
    await handleContainerRm(loggedContext().ctx, { name }, store);
    assert.deepEqual(await traces(store.layout, name), []);
  };
  const journal = (name: string): Promise<string> =>
    inside(name, 'journalctl', '--no-pager', '-o', 'cat', '-u', `sdme-oci-${name}.service`);
  const show = async (name: string, property: string): Promise<string> =>
    (await inside(name, 'systemctl', 'show', '-P', property, `sdme-oci-${name}.service`)).trim();
  /** Fails with what the unit says when the condition does not come true. */
  const until = async (name: string, condition: () => Promise<boolean>): Promise<void> => {
    await waitFor(`${name} to answer`, condition, 30_000).catch(async (error: unknown) => {
      assert.fail(
        `${error}\n${await inside(name, 'systemctl', 'status', '-n', '30', `sdme-oci-${name}.service`).catch((failed) => String(failed.stdout))}`,
      );
    });
  };

  const lifeOf = async (name: string, { answers, logs }: Omit<Server, 'config'>): Promise<void> => {
    const answered = (): Promise<boolean> => answers(name);
    await until(name, answered);
    await until(name, async () => logs.test(await journal(name)));
    const dropIn = `/run/systemd/system/sdme-oci-${name}.service.d`;
    const restart = `mkdir -p ${dropIn}; printf '[Service]\\nRestart=on-failure\\nRestartSec=100ms\\n' > ${dropIn}/restart.conf; systemctl daemon-reload`;
    await inside(name, 'sh', '-c', restart);
    await inside(name, 'systemctl', 'kill', '--signal=KILL', `sdme-oci-${name}.service`);
    await until(name, async () => (await show(name, 'NRestarts')) === '1');
    await until(name, answered);
    const begun = Date.now();
    await inside(name, 'systemctl', 'stop', `sdme-oci-${name}.service`);
    assert.ok(Date.now() - begun < 10_000, `stopping took ${Date.now() - begun} ms`);
    assert.equal(await show(name, 'ActiveState'), 'inactive', 'a stop is no failure');
    assert.equal(await show(name, 'Result'), 'success');
  };

  for (const [name, server] of Object.entries(servers)) {
    test(`${name} answers, logs, comes back after a kill, and stops`, async () => {
      await layout.configure(server.config);
      await importApp(name, layout.path);
      const notes = await boot(name);
      if (name === 'nginx')
        assert.ok(
          notes.some((line) => line.includes('OCI image exposes ports: 80/tcp')),
          notes.join(),
        );
      await lifeOf(name, server);
      await remove(name);
      if (name === 'postgres') {
        const kept = join(store.layout.volumesDir, name, 'var-lib-postgresql-data');
        assert.ok((await namesIn(kept)).includes('PG_VERSION'), 'a volume survives its container');
      }
      await handleFsRm(loggedContext().ctx, { name }, store);
    });
  }

  test('a static program on an empty root answers, logs, comes back after a kill, and stops', async () => {
    const busybox = await readFile(join(await debianTree('servers'), 'usr/bin/busybox'));
    const source = join(store.dir, 'static');
    const image = await testImage({
      layers: [{ busybox, 'www/index.html': 'static\n' }],
      executable: ['busybox'],
      config: { Entrypoint: ['/busybox', 'httpd', '-f', '-vv', '-p', '8081', '-h', '/www'], Cmd: null },
    });
    await writeFiles(source, layoutFiles([image]));
    await importApp('static', source);
    await boot('static');
    await lifeOf('static', {
      answers: async () => (await get('http://127.0.0.1:8081/')) === 'static\n',
      logs: /url:\/|response:200/,
    });
    await remove('static');
  });
});
