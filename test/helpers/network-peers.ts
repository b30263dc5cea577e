import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { output } from './container-host.ts';

/** What a server says to whoever connects. */
export function answerOf(host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, timeout: 5_000 });
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.once('timeout', () => socket.destroy(new Error(`${host}:${port} does not answer`)));
    socket.once('error', reject).once('end', () => resolve(Buffer.concat(chunks).toString()));
  });
}

/** A server on the host that says something to whoever connects. */
export async function listenOn(
  address: string,
  says: string,
): Promise<AsyncDisposable & { readonly port: string }> {
  const server = createServer((socket) => void socket.end(says)).listen(0, address);
  await once(server, 'listening');
  const bound = server.address();
  assert.ok(bound !== null && typeof bound === 'object');
  return {
    port: String(bound.port),
    [Symbol.asyncDispose]: async () => {
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The rules that docs/security.md shows for who wants links apart, in force until disposed of. */
export async function documentedRules(): Promise<AsyncDisposable> {
  const page = await readFile(join(import.meta.dirname, '../../docs/security.md'), 'utf8');
  const rules = /```text\n(table inet (\w+) .*?)```/s.exec(page);
  assert.ok(rules !== null);
  const [, text = '', table = ''] = rules;
  await output('nft', text);
  return { [Symbol.asyncDispose]: async () => void (await output('nft', 'delete', 'table', 'inet', table)) };
}

/** The setting that docs/cli.md shows for the host's networkd, which otherwise may serve a new zone wrong. */
export async function documentedCarrierRule(): Promise<AsyncDisposable> {
  const page = await readFile(join(import.meta.dirname, '../../docs/cli.md'), 'utf8');
  const shown = /```ini\n# \/etc\/systemd\/network\/(\S+)\n(.*?)```/s.exec(page);
  assert.ok(shown !== null);
  const [, place = '', text = ''] = shown;
  const file = join('/run/systemd/network', place);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
  await output('networkctl', 'reload');
  return {
    [Symbol.asyncDispose]: async () => {
      await rm(dirname(file), { recursive: true });
      await output('networkctl', 'reload');
    },
  };
}

/** A process with a network namespace of its own. */
export async function otherNetwork(): Promise<{ readonly pid: number; readonly end: () => void }> {
  const holder = spawn('unshare', ['--net', 'sh', '-c', 'echo; exec sleep infinity'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(holder.stdout, 'data');
  assert.ok(holder.pid !== undefined);
  return { pid: holder.pid, end: () => void holder.kill('SIGKILL') };
}
