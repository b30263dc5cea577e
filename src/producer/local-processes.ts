import { open } from 'node:fs/promises';
import type { Layout } from '../base/paths.ts';
import { embeddedFiles, trimLog } from '../queue/embedded-files.ts';
import { startDetached } from '../system/exec/child.ts';

/**
 * Starts a supervisor that outlives this process. It may find that another one serves already and end at once:
 * the supervisor's own lock decides, not the starter.
 */
export async function startSupervisor(
  layout: Layout,
  command: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<void> {
  const { log } = embeddedFiles(layout);
  await trimLog(log);
  const file = await open(log, 'a', 0o600);
  try {
    const [program = process.execPath, ...args] = command;
    await startDetached(program, args, { env: environment, output: file.fd });
  } finally {
    await file.close();
  }
}
