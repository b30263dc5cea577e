import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { detachedContext } from '../../src/base/context.ts';
import { SdmeError } from '../../src/base/errors.ts';
import { type LayerInput, unpackLayers } from '../../src/rootfs/unpack/unpack.ts';
import { removeTree } from '../../src/system/fs/remove-tree.ts';
import { dir, file, hardlink, pax, tar } from '../helpers/raw-tar.ts';
import { needsRoot } from '../helpers/unpack-case.ts';
import { limits, withRoot } from '../helpers/unpack-root.ts';

const skip = needsRoot;

test('a full disk is told as such', { skip }, () =>
  withRoot(async (root) => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=0700', 'tmpfs', root]);
    try {
      const layers: LayerInput[] = [
        { label: 'big', file: Readable.from([gzipSync(tar(file('big', Buffer.alloc(3_000_000))))]) },
      ];
      await assert.rejects(unpackLayers(detachedContext(), { target: root, layers, limits }), {
        code: 'disk.full',
        message: /^cannot unpack layer big: entry "big" cannot be written: the disk is full/,
      });
      const many = Readable.from([gzipSync(tar(...Array.from({ length: 9000 }, (_, i) => dir(`d${i}`))))]);
      await removeContents(root);
      execFileSync('mount', ['-o', 'remount,nr_inodes=100', root]);
      await assert.rejects(
        unpackLayers(detachedContext(), { target: root, layers: [{ label: 'many', file: many }], limits }),
        {
          code: 'disk.full',
        },
      );
    } finally {
      execFileSync('umount', [root]);
    }
  }),
);

test('D13 a file system without attributes is noted once, and the rest goes on', { skip }, () =>
  withRoot(async (root) => {
    execFileSync('mount', ['-t', 'ramfs', '-o', 'mode=0700', 'ramfs', root]);
    try {
      const attributes = pax({ 'SCHILY.xattr.user.x': 'v' });
      const layer = tar(attributes, file('a', 'x'), attributes, file('b', 'y'), file('c', 'z'));
      const { notes } = await unpackLayers(detachedContext(), {
        target: root,
        layers: [{ label: 'a', file: Readable.from([layer]) }],
        limits,
      });
      assert.deepEqual(notes, ['the file system does not support extended attributes user.*']);
      assert.deepEqual(readdirSync(root).sort(), ['a', 'b', 'c']);
    } finally {
      execFileSync('umount', [root]);
    }
  }),
);

test('E24 more links to a file than the file system allows are an ordinary error, and soon', { skip }, () =>
  withRoot(async (root, beside) => {
    const count = 70_000;
    const path = join(beside, 'links');
    writeFileSync(path, tar(file('a'), ...Array.from({ length: count }, (_, i) => hardlink(`l${i}`, 'a'))));
    const unpacking = unpackLayers(detachedContext(), {
      target: root,
      layers: [{ label: 'links', file: path }],
      limits,
    });
    // Some file systems count further.
    const error = await unpacking.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (error === undefined) assert.equal(statSync(join(root, 'a')).nlink, count + 1);
    else {
      assert.ok(error instanceof SdmeError && error.code === 'unpack.entry-invalid', String(error));
      assert.match(error.message, /^cannot unpack layer links: entry "l\d+" cannot be linked: .*\(EMLINK\)$/);
    }
  }),
);

async function removeContents(root: string): Promise<void> {
  for (const name of readdirSync(root)) await removeTree(join(root, name));
}

test('a target that is not empty is refused', { skip }, () =>
  withRoot(async (root) => {
    writeFileSync(join(root, 'left'), '');
    await assert.rejects(unpackLayers(detachedContext(), { target: root, layers: [], limits }), {
      code: 'state.conflict',
    });
  }),
);
