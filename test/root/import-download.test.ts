import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { detachedContext } from '../../src/base/context.ts';
import { SdmeError } from '../../src/base/errors.ts';
import { parseSettings } from '../../src/config/load.ts';
import { downloadFile } from '../../src/rootfs/download/file.ts';
import { probeUrl } from '../../src/rootfs/download/probe.ts';
import { tempDir } from '../helpers/temp-dir.ts';

interface Server extends AsyncDisposable {
  readonly url: string;
}

async function serve(listener: RequestListener): Promise<Server> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `http://127.0.0.1:${address.port}/tree.tar`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const content = randomBytes(300_000);
const settings = parseSettings({ http_timeout: 5, http_body_timeout: 5 }, 'test');
const item = detachedContext().progress.item('x', { label: 'x', unit: 'bytes' });

async function fetchTo(
  dir: string,
  url: string,
  over = {},
  signal?: AbortSignal,
  onBytes: (done: number) => void = () => {},
): Promise<Buffer> {
  const file = join(dir, 'file');
  const shown = { ...item, set: onBytes };
  await downloadFile(detachedContext(signal), {
    url,
    file,
    settings: { ...settings, ...over },
    item: shown,
    environment: {},
  });
  return readFile(file);
}

/** Breaks a connection off once the client has as many bytes as it was sent. */
function breaker(): { at(bytes: number, action: () => void): void; seen(done: number): void } {
  let pending: { readonly bytes: number; readonly action: () => void } | undefined;
  return {
    at: (bytes, action) => {
      pending = { bytes, action };
    },
    seen: (done) => {
      if (pending === undefined || done < pending.bytes) return;
      pending.action();
      pending = undefined;
    },
  };
}

test('a download goes on where the connection broke off, if the file is still the same', async () => {
  await using dir = await tempDir();
  const ranges: (string | undefined)[] = [];
  const broken = breaker();
  await using server = await serve((request, response) => {
    ranges.push(request.headers.range);
    const from = Number(/bytes=([0-9]+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const part = content.subarray(from);
    response.writeHead(from === 0 ? 200 : 206, {
      etag: '"one"',
      'content-length': part.length,
      ...(from === 0 ? {} : { 'content-range': `bytes ${from}-${content.length - 1}/${content.length}` }),
    });
    if (ranges.length === 3) return response.end(part);
    broken.at(from + 100_000, () => response.destroy());
    response.write(part.subarray(0, 100_000));
  });
  assert.deepEqual(await fetchTo(dir.path, server.url, {}, undefined, broken.seen), content);
  assert.deepEqual(ranges, [undefined, 'bytes=100000-', 'bytes=200000-']);
});

test('a file that changed between two tries is fetched anew', async () => {
  await using dir = await tempDir();
  let asked = 0;
  const broken = breaker();
  await using server = await serve((_request, response) => {
    asked += 1;
    const body = asked === 1 ? Buffer.alloc(content.length, 1) : content;
    response.writeHead(200, { etag: `"${asked}"`, 'content-length': body.length });
    if (asked > 1) return response.end(body);
    broken.at(100_000, () => response.destroy());
    response.write(body.subarray(0, 100_000));
  });
  assert.deepEqual(await fetchTo(dir.path, server.url, {}, undefined, broken.seen), content);
});

test('redirects are followed on the same machine and counted', async () => {
  await using dir = await tempDir();
  await using server = await serve((request, response) => {
    const left = Number(/^\/hop([0-9]+)/.exec(request.url ?? '')?.[1] ?? 0);
    if (left === 0) return response.end(content);
    response.writeHead(302, { location: left === 99 ? '/hop99' : `/hop${left - 1}` }).end();
  });
  const base = new URL(server.url).origin;
  assert.deepEqual(await fetchTo(dir.path, `${base}/hop3`), content);
  await using other = await tempDir();
  await assert.rejects(
    fetchTo(other.path, `${base}/hop99`),
    (error) =>
      error instanceof SdmeError && error.code === 'oci.protocol' && /more than 10 times/.test(error.message),
  );
});

test('more than max_download_size is cut off, whether the server says its size or not', async () => {
  for (const headers of [{ 'content-length': content.length }, {}]) {
    await using dir = await tempDir();
    await using server = await serve((_request, response) => {
      response.writeHead(200, headers);
      response.end(content);
    });
    await assert.rejects(
      fetchTo(dir.path, server.url, { max_download_size: 1000 }),
      (error) => error instanceof SdmeError && error.code === 'oci.limit',
    );
  }
});

test('a server that is not there or keeps failing is a network error that may be retried', async () => {
  await using dir = await tempDir();
  let asked = 0;
  await using server = await serve((_request, response) => {
    asked += 1;
    response.writeHead(503).end();
  });
  await assert.rejects(
    fetchTo(dir.path, server.url),
    (error) => error instanceof SdmeError && error.code === 'oci.network' && error.retryable,
  );
  assert.ok(asked > 1);
});

test('a server that gives a byte at a time and breaks off is given up like one that gives nothing', async () => {
  await using dir = await tempDir();
  let asked = 0;
  await using server = await serve((request, response) => {
    asked += 1;
    const from = Number(/^bytes=([0-9]+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    response.writeHead(from === 0 ? 200 : 206, {
      etag: '"same"',
      'content-length': content.length - from,
      'content-range': `bytes ${from}-${content.length - 1}/${content.length}`,
    });
    response.write(content.subarray(from, from + 1), () => response.destroy());
  });
  await assert.rejects(fetchTo(dir.path, server.url), { code: 'oci.network' });
  assert.ok(asked > 1 && asked < 10, String(asked));
});

test('404 and 403 end a download at once', async () => {
  for (const [status, code] of [
    [404, 'not-found'],
    [403, 'oci.denied'],
  ] as const) {
    await using dir = await tempDir();
    let asked = 0;
    await using server = await serve((_request, response) => {
      asked += 1;
      response.writeHead(status).end();
    });
    await assert.rejects(
      fetchTo(dir.path, server.url),
      (error) => error instanceof SdmeError && error.code === code,
    );
    assert.equal(asked, 1);
  }
});

test('cancel ends a download that waits for bytes', async () => {
  await using dir = await tempDir();
  const stop = new AbortController();
  await using server = await serve((_request, response) => {
    response.writeHead(200, { 'content-length': 100 });
    response.write('x', () => stop.abort(new SdmeError('job.cancelled', 'cancelled')));
  });
  await assert.rejects(fetchTo(dir.path, server.url, {}, stop.signal), /cancelled/);
});

test('a probe tells the size and leaves the body', async () => {
  await using server = await serve((_request, response) => {
    response.writeHead(200, { 'content-length': 1_000_000_000 });
    response.write('x');
  });
  assert.equal(await probeUrl(detachedContext(), server.url, settings, {}), 1_000_000_000);
});
