import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { EmbeddedUnits, UnitFile } from '../queue/embedded-units.ts';
import { run } from '../system/exec/run.ts';

/** Where units lie that are gone after a boot (systemd.unit(5)). */
const runtimeUnitDir = '/run/systemd/system';
const systemctlLimitMs = 30_000;

/** True when systemd is PID 1 (sd_booted(3)). */
export function systemdRuns(): Promise<boolean> {
  return stat(runtimeUnitDir).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** True when systemd answers us; in odd sandboxes its directory is there and it does not. */
export async function systemdAnswers(): Promise<boolean> {
  return run('systemctl', ['show', '--property=Version'], { timeoutMs: 5_000 }).then(
    () => true,
    () => false,
  );
}

/** True while the unit is up. */
export function unitActive(name: string): Promise<boolean> {
  return asks('is-active', name);
}

/** True when systemd has given the unit up, e.g. at its start limit. */
export function unitFailed(name: string): Promise<boolean> {
  return asks('is-failed', name);
}

async function asks(question: 'is-active' | 'is-failed', name: string): Promise<boolean> {
  const { code } = await run('systemctl', [question, '--quiet', name], {
    timeoutMs: systemctlLimitMs,
    accept: [0, 1, 2, 3, 4],
  });
  return code === 0;
}

/**
 * Writes the units if they changed, and starts both. The worker's is named first and brings the queue's, which
 * would not stay without it; the queue's is named so that systemctl tells when it cannot be started.
 */
export async function startUnits(units: EmbeddedUnits): Promise<void> {
  await mkdir(runtimeUnitDir, { recursive: true });
  const changed = [await putUnit(units.queue), await putUnit(units.worker)];
  if (changed.includes(true)) await run('systemctl', ['daemon-reload'], { timeoutMs: systemctlLimitMs });
  // A start limit that was hit earlier must not refuse a person who asks again.
  await run('systemctl', ['reset-failed', units.queue.name, units.worker.name], {
    timeoutMs: systemctlLimitMs,
    accept: [0, 1, 5],
  });
  await run('systemctl', ['start', units.worker.name, units.queue.name], { timeoutMs: systemctlLimitMs });
}

/** Writes a unit whole; true when it was not there like this already. */
async function putUnit(unit: UnitFile): Promise<boolean> {
  const path = join(runtimeUnitDir, unit.name);
  const present = await readFile(path, 'utf8').catch(() => undefined);
  if (present === unit.text) return false;
  const staged = join(runtimeUnitDir, `.${unit.name}.${process.pid}`);
  await writeFile(staged, unit.text, { mode: 0o644 });
  await rename(staged, path);
  return true;
}
