import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createConnection, createServer, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { connectQueue } from '../../src/queue/connections.ts';
import { openHints } from '../../src/queue/hints.ts';
import { startRedis } from '../helpers/redis-server.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { waitFor } from '../helpers/wait-for.ts';

test('a subscription outlives restarts of the server, and who listens is told to look again', async () => {
  await using server = await startRedis();
  await using connection = await connectQueue(
    { socket: server.socket },
    { name: 'test', patienceMs: Number.POSITIVE_INFINITY },
  );
  const heard: (string | undefined)[] = [];
  await using _listening = await openHints(connection).listen('c', (message) => heard.push(message));
  for (const word of ['one', 'two']) {
    await server.kill();
    await server.start();
    await waitFor('a look again', () => heard.at(-1) === undefined && heard.length > 0);
    await connection.commands.publish('c', word);
    await waitFor(word, () => heard.at(-1) === word);
  }
});

/** A way to a server that can be cut, and from then on keeps requests to subscribe to itself. */
async function openWay(socket: string): Promise<{ socket: string; cut(): void } & AsyncDisposable> {
  const dir = await tempDir();
  const ends = new Set<Socket>();
  let silent = false;
  const proxy = createServer((from) => {
    const to = createConnection(socket);
    ends.add(from);
    from.on('data', (chunk) => {
      if (!silent || !/\r\nsubscribe\r\n/i.test(chunk.toString('latin1'))) to.write(chunk);
    });
    to.pipe(from);
    for (const end of [from, to]) end.on('error', () => {});
    from.once('close', () => to.destroy());
  });
  await new Promise<void>((resolve) => proxy.listen(`${dir.path}/way`, resolve));
  return {
    socket: `${dir.path}/way`,
    cut: () => {
      silent = true;
      for (const end of ends) end.destroy();
    },
    [Symbol.asyncDispose]: async () => {
      for (const end of ends) end.destroy();
      proxy.close();
      await dir[Symbol.asyncDispose]();
    },
  };
}

/** Closes its connection while that waits for its subscription to stand again. */
const script = `
import { connectQueue } from ${JSON.stringify(new URL('../../src/queue/connections.ts', import.meta.url).href)};
import { openHints } from ${JSON.stringify(new URL('../../src/queue/hints.ts', import.meta.url).href)};
const connection = await connectQueue({ socket: process.argv[1] }, { name: 'child', patienceMs: 60_000 });
await openHints(connection).listen('c', () => {});
const subscriber = await connection.subscriber();
subscriber.once('ready', () => setImmediate(() => connection.close().then(() => console.log('closed'))));
console.log('listening');
`;

test('a connection that is closed while it subscribes again does not end its process', async () => {
  await using server = await startRedis();
  await using way = await openWay(server.socket);
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, way.socket], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const errors = text(child.stderr);
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const ended = once(child, 'close');
  await waitFor('the child to listen', () => said.includes('listening'));
  way.cut();
  const [code] = await ended;
  assert.deepEqual([code, said, await errors], [0, 'listening\nclosed\n', '']);
});
