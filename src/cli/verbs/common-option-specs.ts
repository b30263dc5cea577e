import type { OptionSpec } from '../verb.ts';

/** The options of every listing. */
export const listingOptionSpecs: readonly OptionSpec[] = [
  { flags: '--json', description: 'JSON on one line' },
  { flags: '--json-pretty', description: 'JSON, indented' },
];

/** The option of every verb that changes something. */
export const detachOptionSpec: OptionSpec = {
  flags: '--detach',
  description: 'print the id of the job and do not wait for it',
};
