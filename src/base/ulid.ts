import { randomFillSync } from 'node:crypto';

const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** A ULID: 26 characters that sort by time of making (github.com/ulid/spec). `now` in milliseconds. */
export function newUlid(now: number = Date.now()): string {
  let time = '';
  let rest = now;
  for (let i = 0; i < 10; i += 1) {
    time = alphabet.charAt(rest % 32) + time;
    rest = Math.floor(rest / 32);
  }
  let random = '';
  for (const byte of randomFillSync(new Uint8Array(16))) random += alphabet.charAt(byte % 32);
  return time + random;
}

/** When a ULID was made, in milliseconds; 0 for a text that is none. */
export function ulidTime(text: string): number {
  if (!isUlid(text)) return 0;
  return [...text.slice(0, 10)].reduce((time, letter) => time * 32 + alphabet.indexOf(letter), 0);
}

/** True for the text of a ULID as {@link newUlid} makes them. */
export function isUlid(text: string): boolean {
  return /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(text) && text.length === 26;
}
