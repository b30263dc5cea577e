import { readFileSync } from 'node:fs';

/** The line that `--version` and `version` print (contract 1.1). */
export function versionLine(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return `sdme ${/"version": "([^"]+)"/.exec(text)?.[1] ?? 'of no known version'}`;
}
