import type { Context } from '../../base/context.ts';
import { plainEnvironment, run } from '../../system/exec/run.ts';
import { chrootScript } from './chroot-script.ts';

/** Variables that name the machine's proxies; packages cannot be fetched without them where there are any. */
const proxyVariables = ['http_proxy', 'https_proxy', 'ftp_proxy', 'no_proxy'] as const;

/** What commands in the tree find in their environment: nothing of ours but the proxies. */
export function chrootEnvironment(own: NodeJS.ProcessEnv): Record<string, string> {
  const environment: Record<string, string> = {
    ...plainEnvironment,
    HOME: '/root',
    TERM: 'dumb',
    DEBIAN_FRONTEND: 'noninteractive',
  };
  for (const name of proxyVariables) {
    const value = own[name] ?? own[name.toUpperCase()];
    if (value !== undefined && value !== '') environment[name] = value;
  }
  return environment;
}

/** What a terminal would show of a line at its end: what was overwritten is dropped, control characters too. */
export function printableLine(line: string): string {
  const last = line.split('\r').findLast((part) => part.trim() !== '') ?? '';
  return last.replace(/\p{Cc}/gu, ' ').trimEnd();
}

/**
 * Runs one command in a tree, in mount, process, IPC and host name namespaces of its own. The namespaces are the
 * teardown: when the command ends, is cancelled, or this process dies, the kernel ends everything that runs
 * there and undoes the mounts. Output goes to the job's log line by line. `proc`, `sys` and `dev` must be real
 * directories of the tree.
 *
 * @throws SdmeError `process.failed`; the signal's reason
 */
export async function runInTree(
  ctx: Context,
  tree: string,
  command: string,
  environment: Readonly<Record<string, string>>,
): Promise<void> {
  const namespaces = [
    '--mount',
    '--pid',
    '--ipc',
    '--uts',
    '--fork',
    '--kill-child',
    '--propagation',
    'private',
  ];
  await run('unshare', [...namespaces, '--', '/bin/sh', '-c', chrootScript(), 'sh', tree, command], {
    env: environment,
    signal: ctx.signal,
    onLine: (stream, line) => {
      const text = printableLine(line);
      if (text !== '') ctx.log.info(text, { stream });
    },
  });
}
