import assert from 'node:assert/strict';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { layoutOf } from '../../../src/base/paths.ts';
import {
  embeddedServerArguments,
  findServerProgram,
  prepareEmbeddedDirectories,
  socketPathProblem,
} from '../../../src/queue/embedded.ts';
import { trimLog } from '../../../src/queue/embedded-files.ts';
import { encodeCommand } from '../../../src/queue/embedded-probe.ts';
import { embeddedUnits, unitSuffix } from '../../../src/queue/embedded-units.ts';

test('a socket path of 107 bytes is taken and one of 108 is refused with its length', async () => {
  const path = (bytes: number): string => `/${'a'.repeat(bytes - 1)}`;
  assert.equal(socketPathProblem(path(107)), undefined);
  assert.match(socketPathProblem(path(108)) ?? '', /108 bytes and the system allows 107/);
  assert.match(socketPathProblem(`/${'ä'.repeat(54)}`) ?? '', /109 bytes/);
  await assert.rejects(prepareEmbeddedDirectories(layoutOf('/nonexistent', path(100))), {
    code: 'config.invalid',
    message: /choose a shorter rundir/,
  });
});

test('the server gets a socket and no port, and every write goes to disk', () => {
  const args = embeddedServerArguments(layoutOf('/var/lib/sdme', '/run/sdme'));
  const value = (name: string): string | undefined => args[args.indexOf(`--${name}`) + 1];
  assert.equal(args[0]?.startsWith('--'), true, 'a first word without dashes would be a configuration file');
  assert.equal(value('port'), '0');
  assert.equal(value('unixsocket'), '/run/sdme/queue.sock');
  assert.equal(value('unixsocketperm'), '600');
  assert.equal(value('appendfsync'), 'always');
  assert.equal(value('maxmemory-policy'), 'noeviction');
  assert.equal(value('dir'), '/var/lib/sdme/queue');
});

test('a missing server program says what to install, and valkey-server will do', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'sdme-programs-'));
  try {
    await assert.rejects(findServerProgram([directory]), {
      code: 'system.unsupported',
      message: /apt install redis-server/,
    });
    await writeFile(join(directory, 'valkey-server'), '', { mode: 0o755 });
    assert.equal(await findServerProgram([directory]), join(directory, 'valkey-server'));
    await writeFile(join(directory, 'redis-server'), '', { mode: 0o644 });
    assert.equal(await findServerProgram([directory]), join(directory, 'valkey-server'));
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('commands count bytes, not characters', () => {
  assert.equal(encodeCommand(['GET', 'ä']), '*2\r\n$3\r\nGET\r\n$2\r\nä\r\n');
});

test('the default directories give the plain unit names, others names of their own', () => {
  assert.equal(unitSuffix(layoutOf('/var/lib/sdme', '/run/sdme')), '');
  const one = unitSuffix(layoutOf('/a', '/run/sdme'));
  const other = unitSuffix(layoutOf('/b', '/run/sdme'));
  assert.match(one, /^-[0-9a-f]{10}$/);
  assert.notEqual(one, other);
});

test('the worker unit brings the queue unit, which ends when it is not needed any more', () => {
  const { queue, worker } = embeddedUnits({
    layout: layoutOf('/var/lib/sdme', '/run/sdme'),
    server: '/usr/bin/redis-server',
    worker: ['/opt/node', '/opt/sdme/workers/main.ts'],
    environment: { SDME_DATADIR: '/var/lib/sdme' },
    stopSeconds: 30,
  });
  assert.equal(queue.name, 'sdme-queue.service');
  assert.match(queue.text, /^StopWhenUnneeded=yes$/m);
  assert.match(queue.text, /^ExecStart="\/usr\/bin\/redis-server" "--port" "0" /m);
  assert.equal(worker.name, 'sdme-worker.service');
  assert.match(worker.text, /^Wants=sdme-queue\.service$/m);
  assert.match(worker.text, /^After=sdme-queue\.service$/m);
  assert.match(worker.text, /^Environment="SDME_DATADIR=\/var\/lib\/sdme"$/m);
  assert.match(worker.text, /^ExecStart="\/opt\/node" "\/opt\/sdme\/workers\/main\.ts"$/m);
  assert.match(worker.text, /^KillMode=mixed$/m);
});

test('signs that mean something to systemd reach the program as they are', () => {
  const { worker } = embeddedUnits({
    layout: layoutOf('/d', '/r'),
    server: '/usr/bin/redis-server',
    worker: ['/n', 'a"b\\c%d$e'],
    environment: { HTTP_PROXY: 'http://u:p%40$@proxy' },
    stopSeconds: 30,
  });
  assert.ok(worker.text.includes(String.raw`ExecStart="/n" "a\"b\\c%%d$$e"`), worker.text);
  assert.ok(worker.text.includes('Environment="HTTP_PROXY=http://u:p%%40$@proxy"'), worker.text);
});

test('a log past its limit is put aside, also while somebody appends to it', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'sdme-log-'));
  const path = join(directory, 'log');
  const writer = await open(path, 'a');
  try {
    await trimLog(join(directory, 'none'), 10);
    await writer.write('0123456789');
    await trimLog(path, 10);
    assert.equal(await readFile(path, 'utf8'), '0123456789');
    await writer.write('a');
    await trimLog(path, 10);
    await writer.write('after');
    assert.equal(await readFile(`${path}.old`, 'utf8'), '0123456789a');
    assert.equal(await readFile(path, 'utf8'), 'after');
  } finally {
    await writer.close();
    await rm(directory, { recursive: true });
  }
});
