import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import library from 'dbus-next';
import { SdmeError } from '../../../../src/base/errors.ts';
import { type Bus, connectBus } from '../../../../src/system/systemd/bus.ts';
import { busErrorName } from '../../../../src/system/systemd/bus-error.ts';
import { waitForChange } from '../../../../src/system/systemd/wait-for-change.ts';
import { type TempDir, tempDir } from '../../../helpers/temp-dir.ts';
import { waitFor } from '../../../helpers/wait-for.ts';

const daemon = '/usr/bin/dbus-daemon';
const driver = {
  destination: 'org.freedesktop.DBus',
  path: '/org/freedesktop/DBus',
  interface: 'org.freedesktop.DBus',
} as const;
const ownerChanged = {
  sender: driver.destination,
  interface: driver.interface,
  member: 'NameOwnerChanged',
} as const;

/** A bus of the test's own, which is ended on disposal. */
interface Daemon extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly socket: string;
}

async function startDaemon(directory: string): Promise<Daemon> {
  const socket = join(directory, 'bus');
  const args = ['--session', '--nofork', '--nopidfile', '--nosyslog', `--address=unix:path=${socket}`];
  const child = spawn(daemon, args, { stdio: 'ignore' });
  const end = async (): Promise<void> => void child.kill('SIGKILL');
  // Its socket is there a moment before it listens.
  const answers = async (): Promise<boolean> => {
    await using _bus = await connectBus({ socket });
    return true;
  };
  try {
    await waitFor('the bus', () => answers().catch(() => false));
  } catch (error) {
    await end();
    throw error;
  }
  return { child, socket, [Symbol.asyncDispose]: end };
}

describe('bus', { skip: existsSync(daemon) ? false : 'dbus-daemon is not installed' }, () => {
  let directory: TempDir;
  let socket: string;
  const stack = new AsyncDisposableStack();
  before(async () => {
    directory = stack.use(await tempDir());
    ({ socket } = stack.use(await startDaemon(directory.path)));
  });
  after(() => stack.disposeAsync());

  const own = (bus: Bus, name: string): Promise<readonly unknown[]> =>
    bus.call({ ...driver, member: 'RequestName', signature: 'su', body: [name, 0] });

  test('an error reply is a dbus error with its name', async () => {
    await using bus = await connectBus({ socket });
    const call = bus.call({ destination: 'no.such.Service', path: '/', interface: 'a.b', member: 'C' });
    await assert.rejects(call, (error) => {
      assert.equal(busErrorName(error), 'org.freedesktop.DBus.Error.ServiceUnknown');
      assert.match(String(error), /a\.b\.C was refused: /);
      return true;
    });
  });

  test('a listener gets the signals it asked for, and none once it is disposed of', async () => {
    await using bus = await connectBus({ socket });
    await using other = await connectBus({ socket });
    const seen: unknown[] = [];
    const listener = await bus.listen(ownerChanged, ({ body }) => seen.push(body[0]));
    await own(other, 'test.First');
    await waitFor('the signal', () => seen.includes('test.First'));
    await listener[Symbol.asyncDispose]();
    await own(other, 'test.Second');
    await bus.call({ ...driver, member: 'GetId' });
    assert.equal(seen.includes('test.Second'), false);
  });

  test('a call that nobody answers ends at its time limit, or with the reason of its signal', async () => {
    await using place = await tempDir();
    await using stopped = await startDaemon(place.path);
    await using bus = await connectBus({ socket: stopped.socket });
    try {
      stopped.child.kill('SIGSTOP');
      await assert.rejects(
        bus.call({ ...driver, member: 'GetId' }, { timeoutMs: 50 }),
        /not answered within 0.05 s/,
      );
      const abort = new AbortController();
      const call = bus.call({ ...driver, member: 'GetId' }, { signal: abort.signal });
      abort.abort(new SdmeError('job.cancelled', 'enough'));
      await assert.rejects(call, /enough/);
    } finally {
      // What is disposed next says goodbye to it.
      stopped.child.kill('SIGKILL');
    }
  });

  test('a bus that goes away ends the calls that wait, and those made afterwards', async () => {
    await using place = await tempDir();
    await using gone = await startDaemon(place.path);
    await using bus = await connectBus({ socket: gone.socket });
    gone.child.kill('SIGSTOP');
    const waiting = bus.call({ ...driver, member: 'GetId' });
    gone.child.kill('SIGKILL');
    await assert.rejects(waiting, (error) => error instanceof SdmeError && error.code === 'dbus');
    await assert.rejects(bus.call({ ...driver, member: 'GetId' }), (error) => {
      return error instanceof SdmeError && error.code === 'dbus';
    });
  });

  test('a call to a service that is silent ends when the bus ends in an orderly way', async () => {
    await using place = await tempDir();
    await using ending = await startDaemon(place.path);
    const silent = library.sessionBus({ busAddress: `unix:socket=${ending.socket}` });
    silent.on('error', () => {});
    silent.addMethodHandler(() => true);
    await silent.requestName('test.Silent', 0);
    await using bus = await connectBus({ socket: ending.socket });
    const waiting = bus.call({ destination: 'test.Silent', path: '/', interface: 'a.b', member: 'C' });
    waiting.catch(() => {});
    // The bus has passed the call on once it answers the next one.
    await bus.call({ ...driver, member: 'GetId' });
    ending.child.kill('SIGTERM');
    await assert.rejects(waiting, /the system bus closed the connection/);
  });

  test('without a bus the person is told so', async () => {
    await assert.rejects(connectBus({ socket: join(directory.path, 'nothing') }), /is systemd running\?/);
  });

  test('a wait sees what was so already, what comes by a signal, and ends at its limit', async () => {
    await using bus = await connectBus({ socket });
    await using other = await connectBus({ socket });
    assert.equal(
      await waitForChange(bus, [ownerChanged], async () => 'there', { timeoutMs: 5_000 }),
      'there',
    );

    const owned = async (): Promise<true | undefined> => {
      const reply = await bus.call({
        ...driver,
        member: 'NameHasOwner',
        signature: 's',
        body: ['test.Later'],
      });
      return reply[0] === true ? true : undefined;
    };
    const begun = performance.now();
    const waiting = waitForChange(bus, [ownerChanged], owned, { timeoutMs: 20_000, lookAgainMs: 20_000 });
    await own(other, 'test.Later');
    assert.equal(await waiting, true);
    assert.ok(performance.now() - begun < 5_000, 'it waited for its next look and not for the signal');

    assert.equal(await waitForChange(bus, [], async () => undefined, { timeoutMs: 30 }), undefined);
  });

  test('a wait without any signal still looks again by itself', async () => {
    await using bus = await connectBus({ socket });
    let looks = 0;
    const look = async (): Promise<number | undefined> => {
      looks += 1;
      return looks === 3 ? looks : undefined;
    };
    assert.equal(await waitForChange(bus, [], look, { timeoutMs: 5_000, lookAgainMs: 5 }), 3);
  });
});
