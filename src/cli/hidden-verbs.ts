import type { VerbSpec } from './verb.ts';

/** Verbs that programs call, not people; apart from the others, as completion itself reads those. */
export const hiddenVerbs: readonly VerbSpec[] = [
  {
    words: '__complete',
    summary: 'what the shells’ completion scripts ask',
    operands: '[words...]',
    command: 'after-dashes',
    withoutRoot: true,
    hidden: true,
    examples: [],
    load: () => import('./verbs/complete.ts'),
  },
];
