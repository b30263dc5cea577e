import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { detachedContext } from '../../src/base/context.ts';
import { SdmeError } from '../../src/base/errors.ts';
import { type LayerInput, unpackLayers } from '../../src/rootfs/unpack/unpack.ts';
import { childPids } from '../helpers/child-pids.ts';
import { endMarker, file, tar } from '../helpers/raw-tar.ts';
import { needsRoot } from '../helpers/unpack-case.ts';
import { limits, withRoot } from '../helpers/unpack-root.ts';
import { processLives, waitFor } from '../helpers/wait-for.ts';

const skip = needsRoot;

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
        // The layer's own is closed just after the child has told that it is done with it.
        const stats = statSync(`/proc/${pid}/fd/${fd}`, { throwIfNoEntry: false });
        assert.equal(stats?.isDirectory() ?? false, false, `descriptor ${fd} is a directory`);
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
