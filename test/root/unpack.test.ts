import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type Context, detachedContext } from '../../src/base/context.ts';
import { SdmeError } from '../../src/base/errors.ts';
import { type LayerInput, type UnpackLimits, unpackLayers } from '../../src/rootfs/unpack/unpack.ts';
import { removeTree } from '../../src/system/fs/remove-tree.ts';
import { childPids } from '../helpers/child-pids.ts';
import { dir, endMarker, file, hardlink, pax, tar } from '../helpers/raw-tar.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { needsRoot } from '../helpers/unpack-case.ts';
import { processLives, waitFor } from '../helpers/wait-for.ts';

const limits: Pick<UnpackLimits, 'bytes' | 'entries'> = { bytes: 2 ** 31, entries: 1_000_000 };
const skip = needsRoot;

/** An empty root beside whatever else a test makes. */
async function withRoot(work: (root: string, beside: string) => Promise<void>): Promise<void> {
  await using directory = await tempDir();
  const root = join(directory.path, 'root');
  mkdirSync(root, { mode: 0o700 });
  const before = childPids();
  await work(root, directory.path);
  assert.deepEqual(childPids(), before, 'a child is left');
}

/** Layers, then a wait for `gate` before the end; `reached` is called when all were asked for. */
async function* gated(layers: readonly LayerInput[], reached: () => void, gate: Promise<void>) {
  yield* layers;
  reached();
  await gate;
}

function threadStatus(pid: number): string[] {
  return readdirSync(`/proc/${pid}/task`).map((id) => readFileSync(`/proc/${pid}/task/${id}/status`, 'utf8'));
}

/** The capability set `name` of a status text. */
function capabilities(status: string, name: string): bigint {
  return BigInt(`0x${new RegExp(`^${name}:\\t([0-9a-f]+)$`, 'm').exec(status)?.[1] ?? 'ffff'}`);
}

test(
  'the child has the root it fills, few capabilities, no directory open, and a filter in every thread',
  { skip },
  () =>
    withRoot(async (root) => {
      const reached = Promise.withResolvers<void>();
      const gate = Promise.withResolvers<void>();
      const first: LayerInput = { label: 'a', file: Readable.from([gzipSync(tar(file('a', 'x')))]) };
      const before = childPids();
      const unpacking = unpackLayers(detachedContext(), {
        target: root,
        layers: gated([first], reached.resolve, gate.promise),
        limits,
      });
      await Promise.race([reached.promise, unpacking]);
      const pid = childPids().find((id) => !before.includes(id)) ?? -1;
      assert.equal(readlinkSync(`/proc/${pid}/root`), realpathSync(root));
      assert.equal(readlinkSync(`/proc/${pid}/cwd`), realpathSync(root));
      const kept = [0, 1, 3, 4, 27, 31].reduce((bits, cap) => bits | (1n << BigInt(cap)), 0n);
      const main = readFileSync(`/proc/${pid}/status`, 'utf8');
      assert.equal(capabilities(main, 'CapEff'), kept);
      assert.equal(capabilities(main, 'CapPrm'), kept);
      for (const status of threadStatus(pid)) {
        assert.equal(
          capabilities(status, 'CapPrm') & ~(kept | (1n << 18n)),
          0n,
          'a thread has more capabilities',
        );
        assert.match(status, /^NoNewPrivs:\t1$/m);
        assert.match(status, /^Seccomp:\t2$/m);
      }
      for (const fd of readdirSync(`/proc/${pid}/fd`)) {
        assert.equal(
          statSync(`/proc/${pid}/fd/${fd}`).isDirectory(),
          false,
          `descriptor ${fd} is a directory`,
        );
      }
      assert.equal(statSync(root).mode & 0o777, 0o700, 'B17 the root is private until the end');
      gate.resolve();
      await unpacking;
      assert.equal(statSync(root).mode & 0o777, 0o755);
    }),
);

test('a cancel ends the child before it is told', { skip }, () =>
  withRoot(async (root) => {
    const controller = new AbortController();
    const reason = new SdmeError('job.cancelled', 'cancelled');
    const reached = Promise.withResolvers<void>();
    const layers = gated(
      [{ label: 'a', file: Readable.from([endMarker]) }],
      reached.resolve,
      new Promise(() => {}),
    );
    const before = childPids();
    const unpacking = unpackLayers(detachedContext(controller.signal), { target: root, layers, limits });
    await Promise.race([reached.promise, unpacking]);
    const pids = childPids().filter((pid) => !before.includes(pid));
    controller.abort(reason);
    await assert.rejects(unpacking, reason);
    for (const pid of pids) assert.equal(await processLives(pid), false);
    await assert.rejects(
      unpackLayers(detachedContext(controller.signal), { target: root, layers, limits }),
      reason,
    );
  }),
);

test('a cancel in the middle of a layer ends at once', { skip }, () =>
  withRoot(async (root) => {
    const controller = new AbortController();
    const reason = new SdmeError('job.cancelled', 'cancelled');
    // The layer never ends: the child waits for the rest of it.
    const endless = new Readable({ read: () => {} });
    endless.push(tar(file('a', 'x')).subarray(0, 700));
    const unpacking = unpackLayers(detachedContext(controller.signal), {
      target: root,
      layers: [{ label: 'a', file: endless }],
      limits,
    });
    await waitFor('the first bytes of the file', () => existsSync(join(root, 'a')));
    controller.abort(reason);
    await assert.rejects(unpacking, reason);
  }),
);

test('a child that is killed is an error that says so', { skip }, () =>
  withRoot(async (root) => {
    const reached = Promise.withResolvers<void>();
    const before = childPids();
    const layers = gated(
      [{ label: 'a', file: Readable.from([endMarker]) }],
      reached.resolve,
      new Promise(() => {}),
    );
    const unpacking = unpackLayers(detachedContext(), { target: root, layers, limits });
    await Promise.race([reached.promise, unpacking]);
    for (const pid of childPids()) if (!before.includes(pid)) process.kill(pid, 'SIGKILL');
    await assert.rejects(unpacking, { code: 'process.failed', message: /the unpacker was ended by SIGKILL/ });
  }),
);

test('the child dies with its parent', { skip }, () =>
  withRoot(async (root) => {
    const script = `
      import { unpackLayers } from ${JSON.stringify(new URL('../../src/rootfs/unpack/unpack.ts', import.meta.url).href)};
      import { detachedContext } from ${JSON.stringify(new URL('../../src/base/context.ts', import.meta.url).href)};
      async function* layers() { console.log('started'); setInterval(() => {}, 1000); await new Promise(() => {}); }
      await unpackLayers(detachedContext(), { target: ${JSON.stringify(root)}, layers: layers(), limits: { bytes: 1e9, entries: 1e6 } });`;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const pid = parent.pid ?? -1;
    await once(parent.stdout, 'data');
    await waitFor('a child of the parent', () => childPids(pid).length > 0);
    const children = childPids(pid);
    parent.kill('SIGKILL');
    await once(parent, 'close');
    for (const child of children) await waitFor('its end', async () => !(await processLives(child)));
  }),
);

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

test('memory does not grow with the size of a layer', { skip }, () =>
  withRoot(async (root) => {
    // 600 MB of content in one file that is written over and over, so that the disk need not hold it.
    const part = gzipSync(
      Buffer.concat(Array.from({ length: 12 }, () => file('big', Buffer.alloc(5_000_000, 'content ')))),
    );
    const source = Readable.from(
      Array.from({ length: 10 }, (_, i) => (i < 9 ? part : Buffer.concat([part, gzipSync(endMarker)]))),
    );
    const before = childPids();
    let peak = 0;
    const timer = setInterval(() => {
      for (const pid of childPids()) {
        if (before.includes(pid)) continue;
        const status = readFileSync(`/proc/${pid}/status`, 'utf8');
        peak = Math.max(peak, Number(/^VmHWM:\s+([0-9]+) kB$/m.exec(status)?.[1] ?? 0));
      }
    }, 20);
    try {
      const { bytes } = await unpackLayers(detachedContext(), {
        target: root,
        layers: [{ label: 'a', file: source }],
        limits,
      });
      assert.equal(bytes, 600_000_000);
    } finally {
      clearInterval(timer);
    }
    assert.ok(peak > 0 && peak < 160_000, `the child used ${peak} kB`);
  }),
);
