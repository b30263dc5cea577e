import { readdirSync, readFileSync } from 'node:fs';

/** Processes whose environment names this runtime directory and whose command line holds `program`. */
function pidsOf(runtimeDir: string, program: string): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^[0-9]+$/.test(entry))
    .map(Number)
    .filter((pid) => {
      try {
        const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        return (
          environment.includes(`SDME_RUNDIR=${runtimeDir}`) && command.some((word) => word.endsWith(program))
        );
      } catch {
        // It ended between the listing and the look.
        return false;
      }
    });
}

/** Gives the worker of the embedded queue at a runtime directory, once it runs; the search ends when it is found. */
export function workerFinder(runtimeDir: string): () => readonly number[] {
  let found: readonly number[] = [];
  return () => {
    if (found.length === 0) found = pidsOf(runtimeDir, '/workers/main.ts');
    return found;
  };
}

/** Ends the embedded queue of a runtime directory, which this run started, and waits until it is gone. */
export async function stopLocalQueue(runtimeDir: string): Promise<void> {
  const supervisors = (): number[] => pidsOf(runtimeDir, '/workers/supervise.ts');
  for (const pid of supervisors()) process.kill(pid, 'SIGTERM');
  while (supervisors().length > 0 || pidsOf(runtimeDir, '/workers/main.ts').length > 0) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
