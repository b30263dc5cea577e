import { namesOf } from '../completion/names.ts';
import { wantedAt } from '../completion/offer.ts';
import type { VerbRun } from '../verb.ts';
import { verbs } from '../verbs.ts';

/** `__complete`: what the shells' completion scripts ask. One word and its meaning a line, or `:files`. */
export const run: VerbRun = async ({ command: words, session }) => {
  const wanted = wantedAt(verbs, words);
  if (wanted.kind === 'names' && wanted.of === 'file') {
    session.output.result(':files');
    return 0;
  }
  // What cannot be read, as by people who are not root, is not offered: completion has nobody to tell.
  const offers =
    wanted.kind === 'words'
      ? wanted.offers
      : wanted.of === 'nothing' || wanted.of === 'file'
        ? []
        : await namesOf(session, wanted.of).catch(() => []);
  const begun = words.at(-1) ?? '';
  for (const { word, meaning } of offers) {
    if (word.startsWith(begun)) session.output.result(`${word}\t${meaning}`);
  }
  return 0;
};
