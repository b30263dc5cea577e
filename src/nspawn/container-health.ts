import { run } from '../system/exec/run.ts';
import { listIn, readFileIn } from '../system/fs/beneath.ts';

/** What a container's health depends on (contract 1.7). */
export interface HealthFacts {
  readonly hasDirectory: boolean;
  readonly hasReadableRecord: boolean;
  readonly hasRootfs: boolean;
  /** ActiveState of its unit. */
  readonly activeState: string;
  /** Contents of its applications' `probe-ready` files; undefined when it has no probes. */
  readonly probes: readonly string[] | undefined;
  /** What `is-system-running` said inside; undefined when it was not asked, empty when it said nothing. */
  readonly systemState: string | undefined;
}

/** The problems a container has, or how it does (contract 1.7, HEALTH). */
export function healthOf(facts: HealthFacts): string {
  const problems = [
    ...(facts.hasDirectory ? [] : ['missing container dir']),
    ...(facts.hasReadableRecord ? [] : ['unreadable state file']),
    ...(facts.hasRootfs ? [] : ['missing fs']),
  ];
  if (problems.length > 0) return problems.join(',');
  if (facts.activeState === 'failed') return 'failed';
  if (facts.probes !== undefined) {
    if (facts.probes.length === 0) return 'ok';
    return facts.probes.every((probe) => probe === 'ready') ? 'ready' : 'not-ready';
  }
  if (facts.activeState !== 'active' || facts.systemState === undefined) return 'ok';
  if (facts.systemState === 'running') return 'ok';
  // The word comes from inside the container, so only what systemctl can say is shown.
  return /^[a-z-]{1,32}$/.test(facts.systemState) ? facts.systemState : 'unknown';
}

/** What systemd inside a running container says of itself; empty when it does not answer. */
export async function innerSystemState(name: string): Promise<string> {
  try {
    const { stdout } = await run('systemctl', [`--machine=${name}`, 'is-system-running'], {
      accept: [0, 1, 2, 3, 4],
      timeoutMs: 5_000,
      maxOutput: 4096,
    });
    return stdout.trim();
  } catch {
    // A container that does not answer is `unknown`; the listing goes on.
    return '';
  }
}

/** The contents of the applications' `probe-ready` files in the first root that has any (contract 1.7). */
export function probeStates(roots: readonly string[]): string[] {
  for (const root of roots) {
    try {
      const states = (listIn(root, 'oci/apps') ?? []).flatMap((app) => {
        const content = readFileIn(root, `oci/apps/${app}/probe-ready`, 64);
        return content === undefined ? [] : [content.toString('latin1').trim()];
      });
      if (states.length > 0) return states;
    } catch {
      // A root that is gone or odd has no probes.
    }
  }
  return [];
}
