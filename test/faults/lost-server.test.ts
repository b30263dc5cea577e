import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { JobEvent } from '../../src/producer/index.ts';
import { imageOf, layerOfFiles, randomFiles, shellLayer } from '../helpers/fault-images.ts';
import { type FaultStage, faultsMissing, openFaultStage } from '../helpers/fault-stage.ts';
import { processLives, waitFor } from '../helpers/wait-for.ts';

const skip = (await faultsMissing()) ?? false;

/** Lines that the preparation of the image writes, twenty a second. */
function talkative(lines: number): string {
  const files = ['usr/lib/systemd/systemd', 'usr/bin/dbus-daemon'];
  const make = files.map((file) => `mkdir -p /usr/lib/systemd /usr/bin; touch /${file}`).join('; ');
  const talk = `i=0; while [ $i -lt ${lines} ]; do echo line $i; i=$((i+1)); sleep 0.05; done; ${make}`;
  return `[distros.debian]\nimport_prehook = [${JSON.stringify(talk)}]`;
}

/** Everything that a watcher sees of a job. */
async function watch(stage: FaultStage, id: string): Promise<JobEvent[]> {
  const events: JobEvent[] = [];
  for await (const event of stage.client.watch(id)) events.push(event);
  return events;
}

/** Pings submitted one after the other until a submit is refused; those that were acknowledged. */
async function pingUntilRefused(stage: FaultStage): Promise<string[]> {
  const ids: string[] = [];
  const client = await stage.local.client({ patienceMs: 1_000 });
  try {
    for (;;) ids.push((await client.submit('host.ping', {})).id);
  } catch {
    return ids;
  }
}

/** Kills the server and keeps it away: whoever would start it again is stopped meanwhile. */
async function loseServer(stage: FaultStage, ms: number): Promise<void> {
  const [supervisor, server] = [await stage.pid('supervisor'), await stage.pid('server')];
  process.kill(supervisor, 'SIGSTOP');
  process.kill(server, 'SIGKILL');
  const back = Date.now() + ms;
  await waitFor('the outage to pass', () => Date.now() >= back, ms + 10_000);
  process.kill(supervisor, 'SIGCONT');
  await waitFor('the old server to be buried', async () => !(await processLives(server)));
}

async function outage(t: TestContext, seconds: number): Promise<void> {
  const lines = (seconds + 4) * 20;
  await using stage = await openFaultStage({ config: talkative(lines) });
  // One import whose work ends while the server is away, and one that outlasts it.
  const held = imageOf([await layerOfFiles(randomFiles('data', 4, 1024 * 1024))]);
  const [layer] = held.layers;
  assert.ok(layer !== undefined);
  const talking = await stage.import(await stage.push('talk', imageOf([await shellLayer()])), 'talk', {
    installPackages: 'yes',
    noCache: true,
  });
  const watching = watch(stage, talking);
  const heldSource = await stage.push('held', held);
  await waitFor('lines', async () => (await stage.client.show(talking)).logLines > 10, 20_000);
  stage.gate.hold({ path: new RegExp(layer.digest), afterBytes: 0 });
  const ending = await stage.import(heldSource, 'held', { noCache: true });
  await waitFor('the held download', () => stage.gate.held() > 0);
  const waiting = stage.client.wait(ending);
  const before: string[] = [];
  for (let i = 0; i < 50; i += 1) before.push((await stage.client.submit('host.ping', {})).id);
  const during = pingUntilRefused(stage);
  const lost = loseServer(stage, seconds * 1_000);
  await waitFor('the server to be gone', async () => (await stage.local.pids('server')).length === 0);
  stage.gate.open();
  await waitFor('the effect', async () => (await stage.store()).includes('held'));
  assert.equal((await stage.local.pids('server')).length, 0, 'the import ended while the server was away');
  await lost;
  const backAt = Date.now();

  const acknowledged = [...before, ...(await during)];
  for (const id of acknowledged) {
    const { state } = await stage.client.wait(id, { signal: AbortSignal.timeout(20_000) });
    assert.equal(state, 'succeeded');
  }
  t.diagnostic(`${acknowledged.length} pings acknowledged, none lost`);
  const record = await waiting;
  assert.deepEqual([record.state, record.attempt, record.crashes], ['succeeded', 1, 0]);
  assert.equal(stage.gate.gets(layer.digest).length, 1);
  t.diagnostic(`the result was in the record ${Date.now() - backAt} ms after the server was back`);

  const events = await watching;
  const last = events.at(-1);
  assert.ok(last?.type === 'end');
  assert.deepEqual([last.record.state, last.record.attempt, last.record.crashes], ['succeeded', 1, 0]);
  const seen = events.flatMap((event) => (event.type === 'log' ? [event.line] : []));
  assert.deepEqual(
    seen.map(({ offset }) => offset),
    seen.map((_line, i) => i),
  );
  assert.deepEqual(
    seen.map(({ message }) => message).filter((message) => message.startsWith('line ')),
    Array.from({ length: lines }, (_, i) => `line ${i}`),
  );
  assert.deepEqual(await stage.leftovers(), []);
}

for (const seconds of [1, 30]) {
  test(
    `with the server killed and away for ${seconds} s nothing acknowledged is lost, nothing done twice, and a watcher sees all`,
    {
      skip,
    },
    (t) => outage(t, seconds),
  );
}
