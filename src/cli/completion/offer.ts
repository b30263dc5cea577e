import type { Completes, OptionSpec, VerbSpec } from '../verb.ts';

/** One completion: the word, and what it means. */
export interface Offer {
  readonly word: string;
  readonly meaning: string;
}

/** What a half-typed command line asks for: words we know, or names that must be looked up. */
export type Wanted =
  | { readonly kind: 'words'; readonly offers: readonly Offer[] }
  | { readonly kind: 'names'; readonly of: Completes };

const globalOptions: readonly OptionSpec[] = [
  { flags: '-v, --verbose', description: 'say more' },
  { flags: '--config <file>', description: 'another configuration file', completes: 'file' },
  { flags: '-h, --help', description: 'help' },
];

const takesValue = (option: OptionSpec): boolean => /[<[]/.test(option.flags);
const longFlag = (option: OptionSpec): string => /--[a-z-]+/.exec(option.flags)?.[0] ?? option.flags;

function optionNamed(options: readonly OptionSpec[], word: string): OptionSpec | undefined {
  return options.find(({ flags }) => flags.split(/[ ,]+/).includes(word));
}

/** The verb that the words call, and how many of them its name takes. */
function calledVerb(
  verbs: readonly VerbSpec[],
  words: readonly string[],
): { verb: VerbSpec; used: number } | undefined {
  for (let used = words.length; used > 0; used -= 1) {
    const verb = verbs.find((candidate) => candidate.words === words.slice(0, used).join(' '));
    if (verb !== undefined) return { verb, used };
  }
  return undefined;
}

function nextWords(verbs: readonly VerbSpec[], before: readonly string[]): Offer[] {
  const prefix = before.length === 0 ? '' : `${before.join(' ')} `;
  const offers = new Map<string, string>();
  for (const { words, summary, hidden } of verbs) {
    if (hidden === true || !words.startsWith(prefix)) continue;
    const rest = words.slice(prefix.length).split(' ');
    const [word = ''] = rest;
    offers.set(word, rest.length === 1 ? summary : (offers.get(word) ?? `${prefix}${word} …`));
  }
  return [...offers].map(([word, meaning]) => ({ word, meaning }));
}

function firstWords(verbs: readonly VerbSpec[], before: readonly string[]): Offer[] {
  const offers = nextWords(verbs, before);
  return before.length > 0 ? offers : [...offers, { word: 'help', meaning: 'show the help of a verb' }];
}

function optionOffers(options: readonly OptionSpec[]): Offer[] {
  return options.map((option) => ({ word: longFlag(option), meaning: option.description }));
}

/** The words without the global options that stand before the verb. */
function withoutGlobal(words: readonly string[]): readonly string[] {
  const option = optionNamed(globalOptions, words[0] ?? '');
  if (option === undefined) return words;
  return withoutGlobal(words.slice(takesValue(option) ? 2 : 1));
}

/** What may stand behind an option. */
function argumentOf({ choices, completes, description }: OptionSpec): Wanted {
  if (choices === undefined) return { kind: 'names', of: completes ?? 'nothing' };
  return { kind: 'words', offers: choices.map((word) => ({ word, meaning: description })) };
}

/** How many of the words are no options and no values of options. */
function operandCount(options: readonly OptionSpec[], words: readonly string[]): number {
  return words.filter((word, index) => {
    const previous = optionNamed(options, words[index - 1] ?? '');
    return !word.startsWith('-') && (previous === undefined || !takesValue(previous));
  }).length;
}

/** What the last of `words` may become; the words before it are whole. */
export function wantedAt(verbs: readonly VerbSpec[], words: readonly string[]): Wanted {
  const current = words.at(-1) ?? '';
  const before = withoutGlobal(words.slice(0, -1));
  const called = calledVerb(verbs, before);
  if (called === undefined) {
    const global = optionNamed(globalOptions, words.at(-2) ?? '');
    if (global !== undefined && takesValue(global)) return argumentOf(global);
    if (before[0] === 'help') return { kind: 'words', offers: nextWords(verbs, before.slice(1)) };
    const isOption = current.startsWith('-');
    return { kind: 'words', offers: isOption ? optionOffers(globalOptions) : firstWords(verbs, before) };
  }
  const { verb, used } = called;
  const options = [...(verb.options ?? []), ...globalOptions];
  const typed = before.slice(used);
  const open = optionNamed(options, typed.at(-1) ?? '');
  if (open !== undefined && takesValue(open)) return argumentOf(open);
  const operands = operandCount(options, typed);
  if (verb.command === 'after-name' && operands > 0) return { kind: 'names', of: 'file' };
  if (current.startsWith('-')) return { kind: 'words', offers: optionOffers(options) };
  const isFull = operands > 0 && verb.operands?.includes('...') !== true;
  return { kind: 'names', of: isFull ? 'nothing' : (verb.completes ?? 'nothing') };
}
