import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectQueue } from '../../src/queue/connections.ts';
import { openHints } from '../../src/queue/hints.ts';
import { startRedis } from '../helpers/redis-server.ts';
import { waitFor } from '../helpers/wait-for.ts';

test('who could not listen while the server was away can when it is back', async () => {
  await using redis = await startRedis();
  await using connection = await connectQueue(
    { socket: redis.socket },
    { name: 'sdme-test', patienceMs: 500 },
  );
  const hints = openHints(connection);
  await redis.kill();
  await assert.rejects(
    hints.listen('channel', () => {}),
    { code: 'queue.unavailable' },
  );
  await redis.start();
  const heard: (string | undefined)[] = [];
  await using _listening = await hints.listen('channel', (message) => void heard.push(message));
  await waitFor('a hint', async () => {
    await connection.commands.publish('channel', 'now');
    return heard.includes('now');
  });
});

test('a command that waits for a server that is gone is rejected when its connection is closed', async () => {
  await using redis = await startRedis();
  const patienceMs = Number.POSITIVE_INFINITY;
  await using connection = await connectQueue({ socket: redis.socket }, { name: 'sdme-test', patienceMs });
  await redis.kill();
  const waiting = connection.commands.ping();
  await waitFor('a try to fail', () => connection.commands.status === 'reconnecting');
  const rejected = assert.rejects(waiting, /Connection is closed/);
  await connection.close();
  await rejected;
});
