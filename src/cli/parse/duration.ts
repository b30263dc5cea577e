import { SdmeError } from '../../base/errors.ts';

const units: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** Milliseconds of `90`, `30s`, `5m`, `2h`, `1d`, `1h30m`; a bare number is seconds. @throws SdmeError `usage` */
export function parseDuration(text: string): number {
  if (/^[0-9]+(\.[0-9]+)?$/.test(text)) return Number(text) * 1000;
  if (!/^([0-9]+(\.[0-9]+)?(ms|[smhdw]))+$/.test(text)) {
    throw new SdmeError(
      'usage',
      `invalid duration ${JSON.stringify(text)}: use for example 30s, 5m, 2h or 1d`,
    );
  }
  let sum = 0;
  for (const [, amount = '', unit = ''] of text.matchAll(/([0-9.]+)(ms|[smhdw])/g)) {
    sum += Number(amount) * (units[unit] ?? 0);
  }
  return sum;
}

/** Epoch milliseconds of a moment: a duration before `now`, or an ISO 8601 time. @throws SdmeError `usage` */
export function parseSince(text: string, now: number): number {
  if (/^[0-9.]+[a-z]/.test(text) || /^[0-9]+$/.test(text)) return now - parseDuration(text);
  const moment = /^[0-9]{4}-[0-9]{2}-[0-9]{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(moment)) {
    throw new SdmeError(
      'usage',
      `invalid time ${JSON.stringify(text)}: use for example 2h or 2026-01-31T12:00`,
    );
  }
  return moment;
}
