import { randomInt } from 'node:crypto';
import { SdmeError } from '../base/errors.ts';

const beginnings = [
  'ba',
  'be',
  'co',
  'da',
  'fe',
  'ga',
  'ho',
  'ki',
  'la',
  'lu',
  'ma',
  'mo',
  'na',
  'pe',
  'ra',
  'ru',
  'sa',
  'ta',
  'to',
  've',
];
const middles = ['b', 'd', 'g', 'l', 'm', 'n', 'r', 's', 't', 'v'];
const endings = ['an', 'ar', 'el', 'en', 'er', 'in', 'is', 'on', 'or', 'us'];
const letters = 'abcdefghijklmnopqrstuvwxyz';

function at<Item>(items: ArrayLike<Item>, index: number): Item {
  const item = items[index % items.length];
  if (item === undefined) throw new SdmeError('internal', 'an empty list of syllables');
  return item;
}

/**
 * A word that is not in `used`, for a container whose maker gave no name. When the first words are taken,
 * letters are put behind them. `random(limit)` gives an integer from 0 to below the limit.
 */
export function generateName(
  used: ReadonlySet<string>,
  random: (limit: number) => number = (limit) => randomInt(limit),
): string {
  for (let attempt = 0; attempt < 1000; attempt += 1) {
    const word =
      at(beginnings, random(beginnings.length)) +
      at(middles, random(middles.length)) +
      at(endings, random(endings.length));
    const extra = Array.from({ length: Math.floor(attempt / 10) }, () => at(letters, random(letters.length)));
    const name = `${word}${extra.join('')}`.slice(0, 64);
    if (!used.has(name)) return name;
  }
  throw new SdmeError('exists', 'no free container name was found; give one with --name');
}
