import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { connectQueue, type QueueConnection } from '../../src/queue/connections.ts';
import { bullJobKey, bullQueueName, keyPrefix } from '../../src/queue/keys.ts';
import { imageOf, layerOfFiles, randomFiles } from '../helpers/fault-images.ts';
import { countFiles, type FaultStage, faultsMissing, openFaultStage } from '../helpers/fault-stage.ts';
import { startRedis } from '../helpers/redis-server.ts';
import { waitFor } from '../helpers/wait-for.ts';

const skip = (await faultsMissing()) ?? false;

/** A worker that does not mind another one on its host; it ends with the stage. */
function startAlongside(stage: FaultStage): void {
  const file = join(import.meta.dirname, 'fixtures/local-worker.ts');
  const child = spawn(process.execPath, [file, '--alongside'], {
    env: { ...process.env, SDME_CONFIG: stage.local.configFile },
    stdio: 'ignore',
  });
  child.unref();
}

/** How many connections wait for a job to come. */
async function waitingClients({ commands }: QueueConnection): Promise<number> {
  return String(await commands.client('LIST')).match(/ cmd=bzpopmin /g)?.length ?? 0;
}

test('a job delivered to two workers at once is done once, and both go on', { skip }, async () => {
  await using redis = await startRedis();
  await using stage = await openFaultStage({ config: `queue_url = "${redis.socket}"` });
  await using queue = await connectQueue({ socket: redis.socket }, { name: 'test', patienceMs: 10_000 });
  startAlongside(stage);
  startAlongside(stage);
  // Each waits at both queues.
  await waitFor('two workers that take jobs', async () => (await waitingClients(queue)) === 4, 30_000);
  const image = imageOf([await layerOfFiles(randomFiles('data', 8, 1024 * 1024))]);
  const [layer] = image.layers;
  assert.ok(layer !== undefined);
  const source = await stage.push('app', image);
  stage.gate.hold({ path: new RegExp(layer.digest), afterBytes: 0 });
  const id = await stage.import(source, 'tree', { noCache: true });
  await waitFor('the first run', () => stage.gate.held() === 1);

  // What a lost lock leads to: BullMQ hands the job out while its first delivery is at work.
  const name = `${keyPrefix}:${bullQueueName('test-host', 'bulk')}`;
  const active = async (): Promise<string[]> => queue.commands.lrange(`${name}:active`, 0, -1);
  await queue.commands.del(`${bullJobKey('test-host', 'bulk', id)}:lock`);
  await queue.commands
    .multi()
    .lrem(`${name}:active`, 0, id)
    .lpush(`${name}:wait`, id)
    .zadd(`${name}:marker`, 0, '0')
    .exec();
  await waitFor('the second delivery', async () => (await active()).includes(id));
  stage.gate.open();

  const { record } = await stage.success(id);
  assert.deepEqual([record.attempt, record.crashes], [1, 0]);
  const { ino } = await lstat(stage.local.layout.rootfsDir('tree'));
  await waitFor('both deliveries to be settled', async () => {
    return (
      !(await queue.commands.exists(bullJobKey('test-host', 'bulk', id))) && !(await active()).includes(id)
    );
  });
  assert.equal(stage.gate.gets(layer.digest).length, 1);
  assert.equal((await lstat(stage.local.layout.rootfsDir('tree'))).ino, ino);
  assert.equal(await countFiles(stage.local.layout.rootfsDir('tree')), 8);
  const more = await Promise.all(['a', 'b', 'c', 'd'].map((tree) => stage.import(source, tree)));
  for (const other of more) await stage.success(other);
  assert.equal((await stage.local.pids('worker')).length, 2);
  assert.deepEqual(await stage.leftovers(), []);
});
