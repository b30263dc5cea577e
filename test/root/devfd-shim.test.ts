import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { arch, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Architecture, devfdShim } from '../../isolate/index.ts';

/** A C library that workloads are linked with: how a program is made with it, and run. */
interface Library {
  readonly name: string;
  readonly architecture: Architecture;
  readonly compiler: string;
  readonly emulator: readonly string[];
  /** Its functions that open, in the order of programs/open-stream.c. */
  readonly openers: readonly string[];
  readonly openersAt: readonly string[];
}

const machine = arch() === 'arm64' ? 'aarch64' : 'x86-64';
const glibc = {
  openers: ['open', 'open64', '__open_2', '__open64_2', 'fopen', 'fopen64'],
  openersAt: ['openat', 'openat64', '__openat_2', '__openat64_2'],
};
const musl = { openers: ['open', 'open64', 'fopen', 'fopen64'], openersAt: ['openat', 'openat64'] };
const native = { architecture: machine, emulator: [] } as const;
const emulated = {
  architecture: 'aarch64',
  emulator: ['qemu-aarch64', '-L', '/usr/aarch64-linux-gnu'],
} as const;
const libraries: readonly Library[] = [
  { name: 'glibc', ...native, compiler: 'cc', ...glibc },
  { name: 'musl', ...native, compiler: 'musl-gcc', ...musl },
  ...(machine === 'aarch64'
    ? []
    : [{ name: 'glibc', ...emulated, compiler: 'aarch64-linux-gnu-gcc', ...glibc }]),
];

const noDevice = ': No such device or address';
const notFound = ': No such file or directory';

for (const { name, architecture, compiler, emulator, openers, openersAt } of libraries) {
  const missing = [compiler, ...emulator.slice(0, 1)].find(
    (program) => spawnSync(program, ['--version']).status !== 0,
  );
  describe(`the devfd shim before ${name} on ${architecture}`, {
    skip: missing === undefined ? false : `${missing} is not installed`,
  }, () => {
    let directory: string;
    let program: string;
    let shim: string;
    before(() => {
      directory = mkdtempSync(join(tmpdir(), 'sdme-shim-'));
      program = join(directory, 'open-stream');
      shim = join(directory, 'shim.so');
      writeFileSync(shim, devfdShim(architecture));
      execFileSync(compiler, ['-o', program, join(import.meta.dirname, 'programs/open-stream.c')]);
    });
    after(() => rmSync(directory, { recursive: true }));

    /** What the program prints. Node gives a child sockets when asked for pipes, as systemd does. */
    const run = (words: readonly string[], preload: string | undefined, input = ''): [string, string] => {
      const preloaded = preload === undefined ? {} : { LD_PRELOAD: preload };
      const guest = Object.entries(preloaded).flatMap(([variable, value]) => ['-E', `${variable}=${value}`]);
      const [first = '', ...rest] = [...emulator, ...(emulator.length === 0 ? [] : guest), program, ...words];
      const env = emulator.length === 0 ? preloaded : {};
      const { status, stdout, stderr } = spawnSync(first, rest, { encoding: 'utf8', env, input });
      assert.equal(status, 0, `${words.join(' ')}: ${stderr}`);
      return [stdout, stderr];
    };
    const allOpeners = [...openersAt, ...openers];
    const writers = [...allOpeners, 'creat', 'creat64'];
    const lines = (names: readonly string[], says = ''): string =>
      names.map((opener) => `${opener}${says}\n`).join('');
    const link = (from: string, to: string): string => {
      symlinkSync(to, join(directory, from));
      return join(directory, from);
    };

    test('without it, a stream that is a socket opens by no function', () => {
      assert.deepEqual(run(['write', '/dev/stdout'], undefined), [lines(writers, noDevice), '']);
    });

    for (const path of ['/dev/stdout', '/proc/self/fd/1', '/dev/fd/1'])
      test(`${path} opens by every function`, () => {
        assert.deepEqual(run(['write', path], shim), [lines(writers), '']);
      });

    for (const path of ['/dev/stderr', '/proc/self/fd/2', '/dev/fd/2'])
      test(`${path} opens by every function`, () => {
        assert.deepEqual(run(['write', path], shim), ['', lines(writers)]);
      });

    for (const path of ['/dev/stdin', '/proc/self/fd/0', '/dev/fd/0'])
      test(`${path} opens by every function`, () => {
        const letters = 'typed'.repeat(allOpeners.length);
        assert.deepEqual(run(['read', path], shim, letters), [lines(allOpeners, ': typed'), '']);
      });

    test('a link to a stream opens, also from a directory', () => {
      const path = link('access.log', '/dev/stdout');
      assert.deepEqual(run(['write', path], shim), [lines(writers), '']);
      assert.deepEqual(run(['write', 'access.log', directory], shim), [lines(openersAt), '']);
    });

    test('a link of 128 bytes and more, one to elsewhere and one to a link have the error they had', () => {
      const through = `/${'./'.repeat(58)}dev/stdout`;
      assert.equal(through.length, 127);
      const links = [
        link('127-bytes', through),
        link('128-bytes', `/${through}`),
        link('a-link', link('streams.log', '/dev/stdout')),
      ];
      for (const path of links)
        assert.deepEqual(run(['write', path], shim), [lines(writers, noDevice), ''], path);
    });

    test('all else is opened, made and refused as without it', () => {
      const file = join(directory, 'file');
      for (const preload of [undefined, shim]) {
        for (const path of ['/dev/stdou', '/dev/stdout2', '', file])
          assert.deepEqual(run(['read', path], preload), [lines(allOpeners, notFound), ''], path);
        assert.deepEqual(run(['make', file], preload), ['open: 604\nopenat: 640\ncreat: 600\n', '']);
        // The first fopen makes the file, creat empties it.
        const [said] = run(['write', file], preload);
        assert.equal(
          said,
          lines([...openersAt, ...openers.filter((name) => !name.startsWith('f'))], notFound),
        );
        assert.equal(readFileSync(file, 'utf8'), 'creat64\n');
        rmSync(file);
      }
    });

    test('what was asked to close at the start of a program does', () => {
      assert.deepEqual(run(['flags', '/dev/stdout'], shim), ['0\n1\n', '']);
    });
  });
}
