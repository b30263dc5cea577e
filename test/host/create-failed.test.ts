import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { handleContainerCreate } from '../../jobs/container-create.ts';
import { handleContainerRm } from '../../jobs/container-rm.ts';
import { contracts } from '../../src/contracts/index.ts';
import {
  type ContainerStore,
  containerStore,
  loggedContext,
  outsideTestHost,
  traces,
} from '../helpers/container-host.ts';

describe('a container whose first start fails', { skip: outsideTestHost(), timeout: 60_000 }, () => {
  const name = 'unwanted';
  const input = contracts['container.create'].input.parse({
    name,
    rootfs: 'debian',
    started: true,
    apparmorProfile: 'not-loaded',
  });
  let store: ContainerStore;
  const stack = new AsyncDisposableStack();
  before(async () => {
    store = stack.use(await containerStore('create-failed'));
  });
  after(() => stack.disposeAsync());

  test('is not kept', async () => {
    await assert.rejects(handleContainerCreate(loggedContext().ctx, input, store), {
      code: 'system.unsupported',
    });
    assert.deepEqual(await traces(store.layout, name), []);
  });

  test('is not said to be left running when it took too long: it is removed', async () => {
    // Without a bus its boot never counts as done.
    const slow = {
      name: 'slow',
      rootfs: 'debian',
      started: true,
      timeout: 1,
      maskedServices: ['dbus.socket'],
    };
    const parsed = contracts['container.create'].input.parse(slow);
    await assert.rejects(handleContainerCreate(loggedContext().ctx, parsed, store), {
      code: 'container.boot-timeout',
      message:
        "container 'slow' was still starting when sdme timed out after 1 s, and was removed; try a longer --timeout",
    });
    assert.deepEqual(await traces(store.layout, 'slow'), []);
  });

  test('is told why it did not start also when it cannot be removed either', async () => {
    const busy = join(store.layout.containerDir(name), 'busy');
    let held: number | undefined;
    const { ctx, lines } = loggedContext();
    const error = (message: string): void => {
      lines.push(message);
      if (held !== undefined) return;
      mkdirSync(busy);
      execFileSync('mount', ['-t', 'tmpfs', 'none', busy]);
      held = openSync(busy, 'r');
    };
    const creating = handleContainerCreate({ ...ctx, log: { ...ctx.log, error } }, input, store);
    await assert.rejects(creating, { code: 'system.unsupported' });
    closeSync(held ?? assert.fail('nothing was removed'));
    assert.match(lines.at(-1) ?? '', /^'unwanted' could not be removed, try 'sdme rm unwanted': .*busy/);
    await handleContainerRm(ctx, { name }, store);
    assert.deepEqual(await traces(store.layout, name), []);
  });
});
