import { constants } from 'node:fs';
import { access, chmod, mkdir } from 'node:fs/promises';
import { SdmeError } from '../base/errors.ts';
import type { Layout } from '../base/paths.ts';

/** Longest path of a unix socket in bytes: sun_path has 108, the last is NUL (unix(7)). */
const socketPathMax = 107;

/** What is wrong with the socket's path, or undefined. */
export function socketPathProblem(path: string): string | undefined {
  const bytes = Buffer.byteLength(path);
  if (bytes <= socketPathMax) return undefined;
  return `the queue's socket path has ${bytes} bytes and the system allows ${socketPathMax}: ${path}; choose a shorter rundir`;
}

/**
 * Arguments of the embedded server: reachable over its unix socket only, every accepted job on disk before it
 * is acknowledged (`appendfsync always`; bullmq-facts, B6), nothing ever evicted. No configuration file of the
 * distribution is read, as the first argument is an option.
 */
export function embeddedServerArguments(layout: Pick<Layout, 'queueDir' | 'queueSocket'>): string[] {
  const options: readonly (readonly [string, string])[] = [
    ['port', '0'],
    ['unixsocket', layout.queueSocket],
    ['unixsocketperm', '600'],
    ['dir', layout.queueDir],
    ['appendonly', 'yes'],
    ['appendfsync', 'always'],
    ['no-appendfsync-on-rewrite', 'no'],
    ['save', ''],
    ['maxmemory-policy', 'noeviction'],
    ['databases', '1'],
    ['daemonize', 'no'],
    ['logfile', ''],
    ['loglevel', 'notice'],
    ['always-show-logo', 'no'],
  ];
  return options.flatMap(([name, value]) => [`--${name}`, value]);
}

/** Names of the server program, the one we prefer first. Both speak the same protocol. */
export const serverPrograms = ['redis-server', 'valkey-server'] as const;

/**
 * The server program's path, searched in fixed directories so that a caller's PATH decides nothing.
 * @throws SdmeError `system.unsupported` saying what to install
 */
export async function findServerProgram(
  directories: readonly string[] = ['/usr/bin', '/usr/local/bin', '/usr/sbin', '/usr/local/sbin'],
): Promise<string> {
  for (const name of serverPrograms) {
    for (const directory of directories) {
      const path = `${directory}/${name}`;
      const found = await access(path, constants.X_OK).then(
        () => true,
        () => false,
      );
      if (found) return path;
    }
  }
  throw new SdmeError(
    'system.unsupported',
    'the embedded queue needs redis-server or valkey-server; install one (apt install redis-server), or set queue_url',
  );
}

async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    // What Node.js says of a directory that it may not make, as on a file system that is read-only.
    await mkdir(path, { mode: 0o700 });
  }
}

/** Makes the directories of the embedded queue, open to their owner only. @throws SdmeError `input.invalid`, `io` */
export async function prepareEmbeddedDirectories(layout: Layout): Promise<void> {
  const problem = socketPathProblem(layout.queueSocket);
  if (problem !== undefined) throw new SdmeError('config.invalid', problem);
  try {
    for (const directory of [layout.dataDir, layout.runtimeDir, layout.queueDir]) {
      await makeDirectory(directory);
    }
    await chmod(layout.queueDir, 0o700);
  } catch (cause) {
    throw new SdmeError('io', `cannot make the queue's directories ${layout.queueDir}`, { cause });
  }
}
