import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { access, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { LocalPrograms } from '../../src/producer/index.ts';
import { embeddedUnitNames } from '../../src/queue/embedded-units.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { answers, type LocalStage, openLocalStage } from '../redis/fixtures/local-stage.ts';

const run = promisify(execFile);
const booted = await access('/run/systemd/system').then(
  () => true,
  () => false,
);
const options = { skip: booted ? false : 'needs systemd as PID 1' };

const property = async (unit: string, name: string): Promise<string> =>
  (await run('systemctl', ['show', '--value', '--property', name, unit])).stdout.trim();

/** A stage whose units are stopped and removed with it. The worker ends with 0 once the file `idle` exists. */
async function openUnitStage(
  more = '',
): Promise<LocalStage & { programs: LocalPrograms; queue: string; worker: string }> {
  const stage = await openLocalStage(more);
  const { dataDir } = stage.layout;
  const script = `while [ ! -e ${dataDir}/idle ]; do sleep 0.05; done`;
  return {
    ...stage,
    ...embeddedUnitNames(stage.layout),
    programs: { supervisor: ['/bin/false'], worker: ['/bin/sh', '-c', script] },
    [Symbol.asyncDispose]: async () => {
      const names = embeddedUnitNames(stage.layout);
      await run('systemctl', ['stop', names.worker, names.queue]).catch(() => undefined);
      await stage[Symbol.asyncDispose]();
    },
  };
}

test(
  'under systemd a submit starts the queue and the worker as units of the data directory',
  options,
  async (t) => {
    await using stage = await openUnitStage();
    const client = await stage.client({ programs: stage.programs });
    const cold = performance.now();
    const { id } = await client.submit('host.ping', {});
    t.diagnostic(`first submit, with the start of both units: ${Math.round(performance.now() - cold)} ms`);
    assert.match(stage.queue, /^sdme-queue-[0-9a-f]{10}\.service$/);
    assert.equal(await property(stage.queue, 'ActiveState'), 'active');
    assert.equal(await property(stage.worker, 'ActiveState'), 'active');
    assert.equal((await stat(stage.layout.queueSocket)).mode & 0o777, 0o600);
    assert.match(await property(stage.worker, 'Environment'), new RegExp(`SDME_CONFIG=${stage.configFile}`));
    const second = await stage.client({ programs: stage.programs });
    const warm = performance.now();
    assert.equal((await second.show(id)).state, 'queued');
    t.diagnostic(`first question of a second client: ${(performance.now() - warm).toFixed(1)} ms`);
  },
);

test(
  'under systemd a killed worker and a killed server come back, with what was submitted',
  options,
  async () => {
    await using stage = await openUnitStage();
    const client = await stage.client({ programs: stage.programs });
    const { id } = await client.submit('host.ping', {});
    for (const unit of [stage.worker, stage.queue]) {
      const pid = Number(await property(unit, 'MainPID'));
      process.kill(pid, 'SIGKILL');
      await waitFor(`a new process of ${unit}`, async () => {
        const now = Number(await property(unit, 'MainPID'));
        return now !== 0 && now !== pid;
      });
    }
    await waitFor('the queue', () => answers(stage.layout));
    assert.equal((await client.show(id)).state, 'queued');
    assert.equal(await property(stage.worker, 'ActiveState'), 'active');
  },
);

test(
  'under systemd the queue ends with a worker that ends, and both start again on demand',
  options,
  async () => {
    await using stage = await openUnitStage();
    const client = await stage.client({ programs: stage.programs });
    const { id } = await client.submit('host.ping', {});
    await client.close();
    const idle = join(stage.layout.dataDir, 'idle');
    await writeFile(idle, '');
    await waitFor('the end of the queue', async () => {
      return (await property(stage.queue, 'ActiveState')) === 'inactive';
    });
    await assert.rejects(access(stage.layout.queueSocket), { code: 'ENOENT' });
    await rm(idle);
    const next = await stage.client({ programs: stage.programs });
    assert.equal((await next.show(id)).state, 'queued');
    assert.equal(await property(stage.worker, 'ActiveState'), 'active');
  },
);

test(
  'under systemd jobs run through the real worker, and none is lost to its idle end',
  options,
  async () => {
    await using stage = await openUnitStage('queue_idle_seconds = 0.3');
    for (let i = 0; i < 6; i += 1) {
      const client = await stage.client();
      const { id } = await client.submit('host.ping', {});
      const record = await client.wait(id, { signal: AbortSignal.timeout(30_000) });
      assert.equal(record.state, 'succeeded');
      await client.close();
      // Around the time at which the worker decides to end, a second apart at most.
      await delay(700 + i * 150);
    }
    await waitFor('the end of the queue', async () => {
      return (await property(stage.queue, 'ActiveState')) === 'inactive';
    });
    assert.equal(await property(stage.worker, 'Result'), 'success');
  },
);
