import { SdmeError } from './errors.ts';

const powers: Readonly<Record<string, number>> = { B: 0, K: 1, M: 2, G: 3, T: 4 };

/**
 * Bytes of a size such as `512`, `256M` or `2G`: digits and one optional suffix, powers of 1024
 * (contract 1.1). @throws SdmeError `input.invalid`
 */
export function parseSize(text: string): number {
  if (text === '') throw new SdmeError('input.invalid', 'size value cannot be empty');
  const match = /^([0-9]+)(.*)$/s.exec(text);
  if (match?.[1] === undefined)
    throw new SdmeError('input.invalid', `invalid size value: ${JSON.stringify(text)}`);
  const suffix = match[2] ?? '';
  const power = suffix === '' ? 0 : powers[suffix.toUpperCase()];
  if (power === undefined)
    throw new SdmeError('input.invalid', `invalid size suffix: ${JSON.stringify(suffix)}`);
  const bytes = Number(match[1]) * 1024 ** power;
  if (!Number.isSafeInteger(bytes))
    throw new SdmeError('input.invalid', `invalid size value: ${JSON.stringify(text)} is too large`);
  return bytes;
}

/** Bytes for people: `734B`, `12.3K`, `250M`; at most one decimal, powers of 1024. */
export function formatSize(bytes: number): string {
  const suffixes = ['B', 'K', 'M', 'G', 'T'];
  let value = bytes;
  let step = 0;
  while (value >= 1024 && step < suffixes.length - 1) {
    value /= 1024;
    step += 1;
  }
  const text = value >= 100 || Number.isInteger(value) ? value.toFixed(0) : value.toFixed(1);
  return `${text}${suffixes[step]}`;
}
