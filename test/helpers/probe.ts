import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { execCommand } from '../../src/nspawn/exec-command.ts';

const programBuilder = join(import.meta.dirname, '../host/program');

/** Where a program of test/host/programs lies on this host; made before the test host boots. */
export async function programPath(name: string): Promise<string> {
  const { stdout } = await promisify(execFile)(programBuilder, [name]);
  return stdout.trim();
}

/** Puts the probe into a running container, at a path that its root made. */
export async function installProbe(container: string, path: string): Promise<void> {
  const { program, args } = execCommand({
    container,
    command: ['sh', '-ec', 'cat >"$1"; chmod 0755 "$1"', 'sh', path],
  });
  const bytes = await readFile(await programPath('probe'));
  const child = spawn(program, args, { stdio: ['pipe', 'ignore', 'inherit'] });
  // One that ends without reading says why by its code.
  child.stdin.on('error', () => {});
  child.stdin.end(bytes);
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`the probe could not be put into ${container}`);
}

/** What became of an attempt of the probe: `done`, or the name of an errno. */
export type Outcome = string;

/**
 * Lets a command make the probe's attempts, e.g. `trace-child`, `open-read=/etc/shadow`, and gives what became of each,
 * in order. `input`: a descriptor it gets as its standard input.
 */
export async function attempt(
  [program = '', ...args]: readonly string[],
  attempts: readonly string[],
  input: number | 'ignore' = 'ignore',
): Promise<Outcome[]> {
  const child = spawn(program, [...args, ...attempts], { stdio: [input, 'pipe', 'inherit'] });
  assert.ok(child.stdout !== null);
  const [printed, [code]] = await Promise.all([text(child.stdout), once(child, 'close')]);
  const outcomes = printed.split('\n').flatMap((line) => line.split(' ')[1] ?? []);
  if (code !== 0 || outcomes.length !== attempts.length) {
    throw new Error(`the probe ended with ${code} after ${printed}`);
  }
  return outcomes;
}

/** A command for {@link attempt} that runs the probe inside a container, in a directory it may write to. */
export function probeInside(container: string, path: string, user?: string): string[] {
  const { program, args } = execCommand({
    container,
    user,
    command: ['sh', '-c', 'cd /tmp && exec "$0" "$@"', path],
  });
  return [program, ...args];
}
