import { endStates, jobStates } from '../../contracts/job-states.ts';
import type { VerbSpec } from '../verb.ts';
import { detachOptionSpec, listingOptionSpecs } from './common-option-specs.ts';

/** Verbs for jobs. Ids may be shortened to a beginning or an end that only one job has. */
export const jobVerbs: readonly VerbSpec[] = [
  {
    words: 'job ls',
    summary: 'list jobs, newest first',
    options: [
      {
        flags: '--state <state>',
        description: `with one of these states: ${jobStates.join(', ')}`,
        repeat: true,
        choices: jobStates,
      },
      {
        flags: '--kind <kind>',
        description: 'of this kind, e.g. fs.import',
        repeat: true,
        completes: 'kind',
      },
      { flags: '--since <time>', description: 'submitted since, e.g. 2h or 2026-01-31T12:00' },
      { flags: '--batch <id>', description: 'of this batch', completes: 'batch' },
      { flags: '--flow <id>', description: 'of this flow' },
      { flags: '--limit <number>', description: 'at most so many' },
      ...listingOptionSpecs,
    ],
    examples: ['sdme job ls', 'sdme job ls --state failed --since 1d', 'sdme job ls --kind fs.import --json'],
    load: () => import('./job-ls.ts'),
  },
  {
    words: 'job show',
    summary: 'show a job: what was asked, what happened, how it ended',
    operands: '<id>',
    completes: 'job',
    options: listingOptionSpecs,
    examples: ['sdme job show 01JDZ3V8K6M2T0Q4R6W8Y0A2C4', 'sdme job show y0a2c4 --json'],
    load: () => import('./job-show.ts'),
  },
  {
    words: 'job watch',
    summary: 'show the progress of a job until it ends; exit 0 if it succeeded',
    operands: '<id>',
    completes: 'job',
    examples: ['sdme job watch y0a2c4'],
    load: () => import('./job-watch.ts'),
  },
  {
    words: 'job logs',
    summary: 'print what a job wrote',
    operands: '<id>',
    completes: 'job',
    options: [
      { flags: '-f, --follow', description: 'go on until the job ends' },
      { flags: '--from <line>', description: 'begin at this line, counted from 0' },
      { flags: '--json', description: 'each line as JSON, with its offset' },
    ],
    examples: ['sdme job logs y0a2c4', 'sdme job logs -f y0a2c4'],
    load: () => import('./job-logs.ts'),
  },
  {
    words: 'job wait',
    summary: `wait for jobs to end (${endStates.join(', ')}); exit 0 only if all succeeded`,
    operands: '<ids...>',
    completes: 'job',
    options: [
      { flags: '--timeout <duration>', description: 'wait at most so long, e.g. 10m; then exit 124' },
    ],
    examples: ['sdme job wait y0a2c4', 'sdme job wait y0a2c4 z1b3d5 --timeout 10m'],
    load: () => import('./job-wait.ts'),
  },
  {
    words: 'job cancel',
    summary: 'end jobs, and wait until nothing of them is left',
    operands: '<ids...>',
    completes: 'job',
    options: [detachOptionSpec],
    examples: ['sdme job cancel y0a2c4'],
    load: () => import('./job-cancel.ts'),
  },
  {
    words: 'job retry',
    summary: 'submit an ended job again, as a new job',
    operands: '<id>',
    completes: 'job',
    options: [detachOptionSpec],
    examples: ['sdme job retry y0a2c4'],
    load: () => import('./job-retry.ts'),
  },
];
