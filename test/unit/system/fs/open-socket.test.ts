import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { openSocketIn } from '../../../../src/system/fs/open-socket.ts';
import { tempDir } from '../../../helpers/temp-dir.ts';

/** Listens at a path and greets who connects. */
async function greeter(path: string, greeting: string): Promise<AsyncDisposable> {
  const server = createServer((socket) => socket.end(greeting)).listen(path);
  await once(server, 'listening');
  return { [Symbol.asyncDispose]: async () => void (await once(server.close(), 'close')) };
}

async function greetingAt(path: string): Promise<string> {
  const socket = connect({ path });
  let said = '';
  socket.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  await once(socket, 'end');
  return said;
}

test('who looked a socket up connects to that one, whatever is put in its place meanwhile', async () => {
  await using dir = await tempDir('sdme-socket-');
  const root = join(dir.path, 'root');
  await mkdir(join(root, 'run'), { recursive: true });
  await symlink('/run', join(root, 'var-run'));
  await using _outside = await greeter(join(dir.path, 'outside'), 'outside');
  await using _inside = await greeter(join(root, 'run/bus'), 'inside');
  using found = openSocketIn(root, 'var-run/bus');
  assert.ok(found !== undefined);
  await rename(join(root, 'run/bus'), join(root, 'run/away'));
  await symlink(join(dir.path, 'outside'), join(root, 'run/bus'));
  assert.equal(await greetingAt(found.path), 'inside');
  assert.equal(openSocketIn(root, 'run/bus'), undefined);
  await writeFile(join(root, 'run/file'), '');
  assert.equal(openSocketIn(root, 'run/file'), undefined);
});
