import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type Context, detachedContext } from '../../src/base/context.ts';
import { SdmeError } from '../../src/base/errors.ts';
import { type LayerInput, unpackLayers } from '../../src/rootfs/unpack/unpack.ts';
import { endMarker, file, tar } from '../helpers/raw-tar.ts';
import { needsRoot } from '../helpers/unpack-case.ts';
import { limits, withRoot } from '../helpers/unpack-root.ts';

const skip = needsRoot;

test('what the layers throw comes out, and nothing is left running', { skip }, () =>
  withRoot(async (root) => {
    const problem = new SdmeError('oci.network', 'the registry vanished');
    async function* layers(): AsyncGenerator<LayerInput> {
      yield { label: 'a', file: Readable.from([endMarker]) };
      throw problem;
    }
    await assert.rejects(
      unpackLayers(detachedContext(), { target: root, layers: layers(), limits }),
      problem,
    );
  }),
);

test('a stream that breaks off is told by its own error', { skip }, () =>
  withRoot(async (root) => {
    const problem = new Error('the decompressor failed');
    const broken = Readable.from(
      (function* () {
        yield tar(file('a', 'x'.repeat(3000))).subarray(0, 1024);
        throw problem;
      })(),
    );
    await assert.rejects(
      unpackLayers(detachedContext(), { target: root, layers: [{ label: 'a', file: broken }], limits }),
      problem,
    );
  }),
);

test('a bad layer ends the iteration while the next one is awaited', { skip }, () =>
  withRoot(async (root) => {
    let returned = false;
    const layers: AsyncIterable<LayerInput> = {
      [Symbol.asyncIterator]: () => {
        let count = 0;
        return {
          next: () => {
            count += 1;
            const value: LayerInput = { label: 'bad', file: Readable.from([Buffer.alloc(600, 1)]) };
            return count === 1 ? Promise.resolve({ done: false, value }) : new Promise(() => {});
          },
          return: () => {
            returned = true;
            return Promise.resolve({ done: true, value: undefined });
          },
        };
      },
    };
    await assert.rejects(unpackLayers(detachedContext(), { target: root, layers, limits }), {
      code: 'unpack.format',
      message: /^cannot unpack layer bad: /,
    });
    assert.equal(returned, true);
  }),
);

test('progress counts the bytes of each file up to its size', { skip }, () =>
  withRoot(async (root, beside) => {
    const counts: [string, number][] = [];
    const ended: string[] = [];
    const ctx: Context = {
      ...detachedContext(),
      progress: {
        step: () => {},
        item: (id) => ({
          add: () => {},
          set: (done) => counts.push([id, done]),
          note: () => {},
          end: () => ended.push(id),
        }),
      },
    };
    const blob = gzipSync(tar(file('a', Buffer.alloc(1_000_000, 'ab'))));
    const path = join(beside, 'blob');
    writeFileSync(path, blob);
    await unpackLayers(ctx, {
      target: root,
      layers: [
        { label: 'a', itemId: 'first', file: path, size: blob.length },
        { label: 'b', file: path },
      ],
      limits,
    });
    assert.deepEqual(ended, ['first', 'unpack-2']);
    assert.deepEqual(counts.filter(([id]) => id === 'first').at(-1), ['first', blob.length]);
  }),
);
