import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { symbolHash, writeSharedObject } from '../../../isolate/elf/shared-object.ts';
import { type Architecture, assembleProgram, devfdShim } from '../../../isolate/index.ts';
import type { Program } from '../../../isolate/program.ts';

const machines = {
  'x86-64': { machine: 'Advanced Micro Devices X86-64', relocation: 'R_X86_64_GLOB_DAT' },
  aarch64: { machine: 'AArch64', relocation: 'R_AARCH64_GLOB_DAT' },
} as const satisfies Record<Architecture, { machine: string; relocation: string }>;

const noReadelf =
  spawnSync('readelf', ['--version']).status === 0 ? false : 'readelf (Debian’s binutils) is not installed';

/** What the real readelf says of a file, one text a line, white space folded. */
function readelf(bytes: Uint8Array, ...options: string[]): string[] {
  const directory = mkdtempSync(join(tmpdir(), 'sdme-readelf-'));
  try {
    const file = join(directory, 'object.so');
    writeFileSync(file, bytes);
    const said = execFileSync('readelf', ['--wide', '--use-dynamic', ...options, file], { encoding: 'utf8' });
    return said.split('\n').map((line) => line.trim().replace(/\s+/g, ' '));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

for (const [architecture, { machine, relocation }] of Object.entries(machines) as [
  Architecture,
  (typeof machines)[Architecture],
][]) {
  test(`the devfd shim for ${architecture} is the same each time`, () => {
    assert.deepEqual(devfdShim(architecture), devfdShim(architecture));
  });

  test(`readelf reads the devfd shim for ${architecture} as what the contract asks for`, {
    skip: noReadelf,
  }, () => {
    const shim = devfdShim(architecture);
    const header = readelf(shim, '--file-header');
    assert.ok(header.includes('Type: DYN (Shared object file)'));
    assert.ok(header.includes(`Machine: ${machine}`));
    const segments = readelf(shim, '--segments').flatMap(
      (line) => /^([A-Z_]+) 0x.* (R E|RW|RWE|R) 0x[0-9a-f]+$/.exec(line)?.slice(1).join(' ') ?? [],
    );
    assert.deepEqual(segments, ['LOAD R E', 'LOAD RW', 'DYNAMIC RW', 'GNU_STACK RW']);
    const tags = readelf(shim, '--dynamic').flatMap((line) => /^0x\w+ \((\w+)\)/.exec(line)?.[1] ?? []);
    assert.deepEqual(
      tags.filter((tag) => ['HASH', 'GNU_HASH', 'NEEDED', 'TEXTREL'].includes(tag)),
      ['HASH'],
    );

    const symbols = readelf(shim, '--syms').flatMap((line) => {
      const [, kind = '', name = ''] = /^\d+: .* (\w+ \w+) DEFAULT (?:1|UND) (\w+)$/.exec(line) ?? [];
      return name === '' ? [] : [`${kind} ${name}`];
    });
    const exported = ['open', 'openat', 'creat', 'fopen', 'open64', 'openat64', 'creat64', 'fopen64'];
    const fortified = ['__open_2', '__open64_2', '__openat_2', '__openat64_2'];
    assert.deepEqual(symbols, [
      ...[...exported, ...fortified].map((name) => `FUNC GLOBAL ${name}`),
      ...['NOTYPE GLOBAL __errno_location', 'NOTYPE GLOBAL fdopen'],
      ...['NOTYPE WEAK _IO_fopen', 'NOTYPE WEAK dlsym'],
    ]);
    const relocated = readelf(shim, '--relocs').flatMap(
      (line) => /^\w{16} \w{16} (\w+) 0{16} (\w+ \+ 0)$/.exec(line)?.slice(1).join(' ') ?? [],
    );
    assert.deepEqual(
      relocated,
      ['__errno_location', 'fdopen', '_IO_fopen', 'dlsym'].map((name) => `${relocation} ${name} + 0`),
    );
  });

  test(`a function to export that the program for ${architecture} lacks is named`, () => {
    const empty: Program = { variables: [], slots: {}, texts: {}, steps: [] };
    assert.throws(
      () =>
        writeSharedObject(architecture, assembleProgram(architecture, empty), {
          exports: ['f'],
          imports: [],
        }),
      /no function f to export/,
    );
  });
}

test('symbol hashes are those of the generic ABI', () => {
  // Worked by hand from the function in the gABI, chapter 5.
  assert.equal(symbolHash(''), 0);
  assert.equal(symbolHash('a'), 0x61);
  assert.equal(symbolHash('ab'), 0x672);
  assert.equal(symbolHash('printf'), 0x077905a6);
});
