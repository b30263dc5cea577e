import type { VerbSpec } from '../verb.ts';
import { listingOptionSpecs } from './common-option-specs.ts';
import { importOptionSpecs } from './import-option-specs.ts';

/** Verbs for batches: many imports submitted and tracked as one. */
export const batchVerbs: readonly VerbSpec[] = [
  {
    words: 'batch submit',
    summary: 'import many sources as one batch, and print its id',
    details:
      'FILE has one source a line, or is a YAML list of sources or of `source`, `name`, `options` (force,\n' +
      'installPackages, ociMode, baseFs, cache, platform). All of it is checked before anything is submitted, up to\n' +
      '10,000 sources. Submitting the same file again adds nothing twice. `-` reads standard input.',
    operands: '<file>',
    completes: 'file',
    options: [
      ...importOptionSpecs,
      {
        flags: '--key <key>',
        description: 'name of this batch: with another key the same file is another batch',
      },
      { flags: '--plan', description: 'say what it would fetch and need on disk, and change nothing' },
      ...listingOptionSpecs,
    ],
    examples: [
      'sdme batch submit images.txt',
      'sdme batch submit images.yaml --plan',
      'sdme batch submit - --force',
    ],
    load: () => import('./batch-submit.ts'),
  },
  {
    words: 'batch status',
    summary: 'counts by state, bytes done and to do, and failures',
    operands: '<id>',
    completes: 'batch',
    options: [{ flags: '--watch', description: 'go on until all jobs have ended' }, ...listingOptionSpecs],
    examples: [
      'sdme batch status b-0123456789abcdefghijklmnop',
      'sdme batch status b-0123456789abcdefghijklmnop --watch --json',
    ],
    load: () => import('./batch-status.ts'),
  },
  {
    words: 'batch wait',
    summary: 'wait for all jobs; exit 0: all succeeded, 3: some failed, 4: none succeeded',
    operands: '<id>',
    completes: 'batch',
    options: [
      { flags: '--timeout <duration>', description: 'wait at most so long, e.g. 1h; then exit 124' },
      ...listingOptionSpecs,
    ],
    examples: ['sdme batch wait b-0123456789abcdefghijklmnop --timeout 1h'],
    load: () => import('./batch-wait.ts'),
  },
  {
    words: 'batch cancel',
    summary: 'end all jobs of a batch, and wait until nothing of them is left',
    operands: '<id>',
    completes: 'batch',
    examples: ['sdme batch cancel b-0123456789abcdefghijklmnop'],
    load: () => import('./batch-cancel.ts'),
  },
  {
    words: 'batch retry',
    summary: 'run the failed or cancelled jobs of a batch again',
    operands: '<id>',
    completes: 'batch',
    options: [
      { flags: '--failed', description: 'those that failed' },
      { flags: '--cancelled', description: 'those that were cancelled' },
    ],
    examples: [
      'sdme batch retry b-0123456789abcdefghijklmnop --failed',
      'sdme batch retry b-0123456789abcdefghijklmnop --failed --cancelled',
    ],
    load: () => import('./batch-retry.ts'),
  },
];
