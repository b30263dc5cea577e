import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFile, mkdir, readFile, rm } from 'node:fs/promises';
import { join, normalize } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { type PlacedImage, placeApplication } from '../../src/workload/index.ts';
import { loggedContext, output, outsideTestHost } from '../helpers/container-host.ts';
import { debianTree } from '../helpers/debian-image.ts';
import { waitFor } from '../helpers/wait-for.ts';

const run = promisify(execFile);
const units = 24;

/** Pieces that mean something to systemd, to shells, or to line readers. */
const pieces = [
  '%n',
  '%%',
  '%',
  '$HOME',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: systemd's syntax, which must reach the process as it is
  '${X}',
  '$$',
  '$',
  '"',
  "'",
  '\\',
  '\\n',
  ';',
  '+',
  '-',
  '@',
  '!',
  ':',
  '|',
  '#',
  ' ',
  '\t',
  '\n',
  '\r',
  'a=b',
  'é',
  '\u0085',
  '\u2028',
  '\ufdd0',
  '\uffff',
  '\u{10fffe}',
  '\x01',
  '\x7f',
  '[Service]',
  'ExecStart=/x',
  '=',
  '`id`',
];
const text = fc
  .array(fc.oneof(fc.constantFrom(...pieces), fc.string({ unit: 'grapheme', maxLength: 4 })), {
    maxLength: 8,
  })
  .map((parts) => parts.join('').replaceAll('\0', '').toWellFormed());
const name = fc.stringMatching(/^X_[A-Za-z0-9_]{0,8}$/);
/** A directory is on a line of the unit: what has control characters or noncharacters is refused before. */
const directory = text.map((parts) => `/${parts.replace(/[\p{Cc}\p{Noncharacter_Code_Point}]|\.\./gu, '')}`);
const strange = fc.record({
  args: fc.array(text, { maxLength: 5 }),
  env: fc.dictionary(name, text, { maxKeys: 4, noNullPrototype: true }),
  reference: text,
  workingDir: directory,
  exposedPorts: fc.array(fc.oneof(text, fc.constant('80/tcp')), { maxLength: 3 }),
  volumes: fc.array(fc.oneof(text, directory), { maxLength: 3 }),
  stopSignal: fc.oneof(text, fc.constantFrom('SIGINT', '37', 'SIGRTMIN+3', 'SIGKILL')),
});
type Strange = typeof strange extends fc.Arbitrary<infer T> ? T : never;

/** As large as the kernel takes one word and one variable, of characters that grow when they are written down. */
const huge: Strange = {
  args: ['\x01%'.repeat(60_000)],
  env: { X_huge: '$"\\\n'.repeat(30_000) },
  reference: 'huge '.repeat(800),
  workingDir: `/${'%n/'.repeat(1000)}`,
  exposedPorts: Array.from({ length: 1000 }, (_, index) => `${index}`),
  volumes: Array.from({ length: 1000 }, (_, index) => `/volume-${index}`),
  stopSignal: 'SIGTERM'.repeat(500),
};

describe('units of workloads', { skip: outsideTestHost(), timeout: 300_000 }, () => {
  const stack = new AsyncDisposableStack();
  const clean = async (): Promise<void> => {
    const files = Array.from({ length: units }, (_, index) => `fuzz-${index}`).flatMap((app) => [
      `/etc/systemd/system/sdme-oci-${app}.service`,
      `/etc/systemd/system/multi-user.target.wants/sdme-oci-${app}.service`,
      `/oci/apps/${app}`,
    ]);
    for (const path of files) await rm(path, { recursive: true, force: true });
    await rm('/usr/sbin/sdme-isolate', { force: true });
    await run('systemctl', ['daemon-reload']);
  };
  let busybox = '';
  before(async () => {
    busybox = join(await debianTree('servers'), 'bin/busybox');
    stack.defer(clean);
  });
  after(() => stack.disposeAsync());

  test('H2 H3 strangers’ words reach the process as they are, and every unit is valid to systemd', async () => {
    const samples = [huge, ...fc.sample(strange, units - 1)];
    const expected: { app: string; argv: string[]; env: [string, string][]; directory: string }[] = [];
    for (const [index, { args: drawn, env, reference, ...declared }] of samples.entries()) {
      const app = `fuzz-${index}`;
      const root = `/oci/apps/${app}/root`;
      const withShell = index % 2 === 0;
      await mkdir(join(root, 'bin'), { recursive: true });
      await copyFile(busybox, join(root, 'bin/busybox'));
      if (withShell) await copyFile(busybox, join(root, 'bin/sh'));
      const dump =
        'readlink /proc/$$/cwd > /cwd; cat /proc/self/environ > /env; cat /proc/$$/cmdline > /argv; exec sleep 1000';
      // What systemd takes from no unit is refused without a shell.
      const args = withShell ? drawn : drawn.map((word) => word.replace(/\p{Noncharacter_Code_Point}/gu, ''));
      const argv = ['/bin/busybox', 'sh', '-c', dump, ...args];
      const config: PlacedImage['config'] = {
        env: Object.entries(env),
        entrypoint: argv,
        cmd: [],
        user: '',
        ...declared,
      };
      placeApplication(loggedContext().ctx, '/', { name: app, reference, config });
      const directory = normalize(`${declared.workingDir}/`).replace(/(?<=.)\/$/s, '');
      // Of a value that systemd takes from no file the import says so; it costs no other variable.
      const kept = Object.entries(env).filter(([, value]) => !/\p{Noncharacter_Code_Point}/u.test(value));
      expected.push({ app, argv, env: kept, directory });
    }
    // systemd-analyze looks for programs outside of RootDirectory=.
    await copyFile('/oci/apps/fuzz-0/root/usr/sbin/sdme-isolate', '/usr/sbin/sdme-isolate');
    const names = expected.map(({ app }) => `sdme-oci-${app}.service`);
    const { stderr } = await run('systemd-analyze', [
      'verify',
      '--recursive-errors=no',
      ...names.map((unit) => `/etc/systemd/system/${unit}`),
    ]);
    assert.equal(
      stderr
        .split('\n')
        .filter((line) => line.includes('sdme-oci-'))
        .join('\n'),
      '',
    );
    await run('systemctl', ['daemon-reload']);
    await run('systemctl', ['start', ...names]);
    try {
      await run('systemctl', ['show', ...names]);
      for (const { app, argv, env, directory } of expected) {
        const file = (path: string): string => `/oci/apps/${app}/root/${path}`;
        const whole = async (path: string): Promise<string> =>
          (await readFile(file(path)).catch(() => Buffer.alloc(0))).toString();
        await waitFor(`${app} to write its arguments`, async () => (await whole('argv')) !== '');
        assert.deepEqual((await whole('argv')).split('\0').slice(0, -1), argv, app);
        assert.equal(await whole('cwd'), `${directory}\n`, app);
        for (const list of ['ports', 'volumes'])
          for (const line of (await whole(`../${list}`)).split('\n').slice(0, -1))
            assert.match(
              line,
              list === 'ports' ? /^\d+\/(tcp|udp)$/ : /^\/[^\p{Cc}:|,]+$/u,
              `${app} ${list}`,
            );
        const seen = new Map(
          (await whole('env'))
            .split('\0')
            .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
        );
        for (const [key, value] of env) assert.equal(seen.get(key), value, `${app} ${key}`);
        assert.deepEqual(
          [...seen.keys()].filter((key) => key.startsWith('X_')).sort(),
          env.map(([key]) => key).sort(),
        );
      }
    } finally {
      await run('systemctl', ['stop', ...names]);
    }
    const failed = await output(
      'systemctl',
      'list-units',
      '--failed',
      '--plain',
      '--no-legend',
      'sdme-oci-fuzz*',
    );
    assert.equal(failed, '', 'a stop is an orderly end');
  });
});
