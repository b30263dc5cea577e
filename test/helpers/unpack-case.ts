import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { detachedContext } from '../../src/base/context.ts';
import type { SdmeError } from '../../src/base/errors.ts';
import {
  type LayerInput,
  type Unpacked,
  type UnpackLimits,
  type UnpackPolicy,
  unpackLayers,
} from '../../src/rootfs/unpack/unpack.ts';
import { describeTree } from './describe-tree.ts';
import { tempDir } from './temp-dir.ts';

/** Why tests of the unpacker are skipped, if they are. */
export const needsRoot: string | false = process.getuid?.() === 0 ? false : 'needs root';

/** A case of the catalogue: layers, and either the tree they make or the error. */
export interface UnpackCase {
  /** Row and promise. */
  readonly name: string;
  /** Bytes of each layer, or of what leads to them. `victim` is a directory outside, `scratch` one for files of the case. */
  readonly layers: (victim: string, scratch: string) => readonly (Buffer | Omit<LayerInput, 'label'>)[];
  /** Nodes that must be there, as `describeTree` tells them. */
  readonly tree?: Readonly<Record<string, string>>;
  /** True when `tree` is all there is, the root apart. */
  readonly only?: boolean;
  readonly absent?: readonly string[];
  readonly error?: RegExp;
  readonly code?: SdmeError['code'];
  readonly note?: RegExp;
  readonly limits?: Partial<UnpackLimits>;
  readonly policy?: Partial<UnpackPolicy>;
  readonly check?: (root: string, result: Unpacked, victim: string) => void;
}

/** Where the victim's directory is seen from a root beside it: the path a stranger would try. */
async function withPlaces(work: (root: string, victim: string) => Promise<void>): Promise<void> {
  await using directory = await tempDir();
  const root = join(directory.path, 'root');
  const victim = join(directory.path, 'victim');
  mkdirSync(root, { mode: 0o700 });
  mkdirSync(victim, { mode: 0o755 });
  // The prefix of a sibling's name, and a file to be read or changed.
  mkdirSync(join(directory.path, 'root2'));
  writeFileSync(join(victim, 'hello'), 'hello');
  const before = outside(directory.path);
  await work(root, victim);
  assert.deepEqual(outside(directory.path), before, 'something outside the root changed');
}

function outside(path: string): Map<string, string> {
  const nodes = describeTree(path);
  for (const name of nodes.keys()) if (name === 'root' || name.startsWith('root/')) nodes.delete(name);
  return nodes;
}

async function runCase(row: UnpackCase): Promise<void> {
  await withPlaces(async (root, victim) => {
    await using files = await tempDir();
    const layers = row.layers(victim, files.path).map((layer, index): LayerInput => {
      if (!Buffer.isBuffer(layer)) return { label: `layer-${index}`, ...layer };
      const file = join(files.path, `layer-${index}`);
      writeFileSync(file, layer);
      return { label: `layer-${index}`, file };
    });
    const limits = { bytes: 2 ** 30, entries: 100_000, ...row.limits };
    const policy = row.policy === undefined ? {} : { policy: row.policy };
    const unpacking = unpackLayers(detachedContext(), { target: root, layers, limits, ...policy });
    if (row.error !== undefined) {
      await assert.rejects(unpacking, { code: row.code ?? 'unpack.entry-invalid', message: row.error });
      return;
    }
    const result = await unpacking;
    checkTree(row, root);
    if (row.note !== undefined) assert.match(result.notes.join('\n'), row.note);
    else assert.deepEqual(result.notes, []);
    row.check?.(root, result, victim);
  });
}

function checkTree({ tree = {}, absent = [], only = false }: UnpackCase, root: string): void {
  const nodes = describeTree(root);
  for (const [path, expected] of Object.entries(tree)) assert.equal(nodes.get(path), expected, path);
  for (const path of absent) assert.equal(nodes.get(path), undefined, path);
  if (only) {
    const found = [...nodes.keys()].filter((path) => path !== '.').sort();
    assert.deepEqual(
      found,
      Object.keys(tree)
        .filter((path) => path !== '.')
        .sort(),
    );
  }
}

/** One test a row; a few at a time, since each has a process of its own. */
export function testCases(title: string, rows: readonly UnpackCase[]): void {
  test(title, { concurrency: 3, skip: needsRoot }, async (context: TestContext) => {
    await Promise.all(rows.map((row) => context.test(row.name, () => runCase(row))));
  });
}
