import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newUlid } from '../../src/base/ulid.ts';
import { hostPing } from '../../src/contracts/host-ping.ts';
import { connectQueue, type QueueConnection } from '../../src/queue/connections.ts';
import { newJobBody, sealEnvelope } from '../../src/queue/envelope.ts';
import { bullJobKey, bullQueueName, keyPrefix } from '../../src/queue/keys.ts';
import { readQuarantine } from '../../src/queue/quarantine.ts';
import { imageOf, layerOfFiles } from '../helpers/fault-images.ts';
import { faultsMissing, openFaultStage } from '../helpers/fault-stage.ts';
import { waitFor } from '../helpers/wait-for.ts';

const skip = (await faultsMissing()) ?? false;
const queues = ['control', 'bulk'] as const;

/** A record as BullMQ keeps it. */
function bullHash(data: string, more: Record<string, string> = {}): Record<string, string> {
  return {
    name: 'x',
    data,
    opts: '{"attempts":0,"removeOnComplete":true,"removeOnFail":true}',
    timestamp: String(Date.now()),
    delay: '0',
    priority: '0',
    atm: '0',
    ats: '0',
    ...more,
  };
}

const forElsewhere = (): string =>
  JSON.stringify(sealEnvelope(newJobBody(hostPing, {}, { host: 'another-host' })));

/** What strangers put into a queue, and the reason for which it is set aside. */
const junk: readonly (readonly [id: string, hash: () => Record<string, string>, why: RegExp])[] = [
  ['not-json', () => bullHash('{"t":'), /cannot read its field data/],
  ['no-envelope', () => bullHash('{"t":"x","p":1}'), /is no envelope/],
  ['a-number', () => bullHash('42'), /is no envelope/],
  ['elsewhere', () => bullHash(forElsewhere()), /it is for id/],
  [
    'huge',
    () =>
      bullHash(JSON.stringify({ t: 'application/vnd.sdme.job.v1+json', p: 'x'.repeat(8_000_000), s: [] })),
    /larger than 65536 bytes/,
  ],
  ['bad-options', () => bullHash('{}', { opts: '[' }), /cannot read its field opts/],
  ['null-options', () => bullHash('{}', { opts: 'null' }), /cannot read its field opts/],
  ['bad-parent', () => bullHash('{}', { parent: '{' }), /cannot read its field parent/],
  [
    'bad-numbers',
    () => bullHash('{}', { timestamp: 'x', atm: 'y', ats: '', delay: '-', priority: 'z' }),
    /cannot count on its field ats/,
  ],
  ['bad-stalls', () => bullHash('{"t":', { stc: '1e3' }), /cannot read its field data/],
  ['much-stalled', () => bullHash('{}', { stc: '9'.repeat(30) }), /is no envelope/],
  ['only-data', () => ({ data: '"x"' }), /is no envelope/],
];

async function putJunk({ commands }: QueueConnection, queue: (typeof queues)[number]): Promise<void> {
  const name = `${keyPrefix}:${bullQueueName('test-host', queue)}`;
  for (const [id, hash] of junk) {
    await commands.hset(bullJobKey('test-host', queue, `${id}-${queue}`), hash());
    await commands.multi().lpush(`${name}:wait`, `${id}-${queue}`).zadd(`${name}:marker`, 0, '0').exec();
  }
  // No record at all, one of another type, and ids that no job of ours can have.
  for (const id of [`nothing-${queue}`, newUlid(), '0', '../../etc', 'with space']) {
    await commands.lpush(`${name}:wait`, id);
  }
  await commands.set(bullJobKey('test-host', queue, `text-${queue}`), 'text');
  await commands.multi().lpush(`${name}:wait`, `text-${queue}`).zadd(`${name}:marker`, 0, '0').exec();
}

test('junk in both queues is set aside with the reason, and the queues go on', { skip }, async (t) => {
  await using stage = await openFaultStage();
  const { client } = stage;
  const source = await stage.push('app', imageOf([await layerOfFiles({ 'etc/issue': 'x' })]));
  await client.wait((await client.submit('host.ping', {})).id);
  const socket = stage.local.layout.queueSocket;
  await using queue = await connectQueue({ socket }, { name: 'stranger', patienceMs: 10_000 });
  for (const name of queues) await putJunk(queue, name);
  const began = Date.now();
  const behind = [(await client.submit('host.ping', {})).id, await stage.import(source, 'tree')];
  for (const id of behind) {
    assert.equal((await client.wait(id, { signal: AbortSignal.timeout(20_000) })).state, 'succeeded');
  }
  t.diagnostic(`jobs behind the junk ended after ${Date.now() - began} ms`);
  const wanted = queues.flatMap((name) => [
    ...junk.map(([id, , why]) => ({ id: `${id}-${name}`, why })),
    { id: `text-${name}`, why: /is a string/ },
  ]);
  await waitFor(
    'all of it to be set aside',
    async () => {
      const ids = (await readQuarantine(queue.commands)).map(({ id }) => id);
      return wanted.every(({ id }) => ids.includes(id));
    },
    30_000,
  );
  const notes = await readQuarantine(queue.commands);
  for (const { id, why } of wanted) {
    const found = notes.filter((note) => note.id === id);
    assert.equal(found.length, 1, `${id} is noted once`);
    assert.match(found[0]?.why ?? '', why, id);
    assert.ok((found[0]?.held.length ?? 0) <= 4096);
  }
  for (const name of queues) {
    const prefix = `${keyPrefix}:${bullQueueName('test-host', name)}`;
    await waitFor(`nothing in hand of ${name}`, async () => {
      const left = [
        ...(await queue.commands.lrange(`${prefix}:active`, 0, -1)),
        ...(await queue.commands.lrange(`${prefix}:wait`, 0, -1)),
      ];
      return left.length === 0;
    });
  }
  // One worker bore it all.
  assert.equal((await client.show(behind[1] ?? '')).crashes, 0);
  assert.equal((await client.wait((await client.submit('host.ping', {})).id)).state, 'succeeded');
});
