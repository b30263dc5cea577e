import { SdmeError } from '../../base/errors.ts';
import { showBytes } from '../../base/show-bytes.ts';

/** A damaged or forbidden tar. */
export function formatError(message: string): SdmeError {
  return new SdmeError('unpack.format', message);
}

/** The bytes of a field up to its first NUL, copied. */
export function textField(block: Buffer, start: number, length: number): Buffer {
  const nul = block.indexOf(0, start);
  const end = nul === -1 || nul > start + length ? start + length : nul;
  return Buffer.from(block.subarray(start, end));
}

/**
 * A number as headers have it: octal digits between spaces and NULs, or, with the top bit set, a two's-complement
 * base-256 number (GNU). An empty field is 0. Whatever is between the digits' end and the field's must be spaces
 * or NULs (E21).
 * @throws SdmeError `unpack.format` for other bytes and for what no double holds exactly
 */
export function numberField(block: Buffer, start: number, length: number, what: string): number {
  const first = block[start] ?? 0;
  if ((first & 0x80) !== 0) return base256(block, start, length, what);
  let at = start;
  const end = start + length;
  while (at < end && block[at] === 0x20) at += 1;
  let value = 0;
  for (; at < end; at += 1) {
    const digit = (block[at] ?? 0) - 0x30;
    if (digit < 0 || digit > 7) break;
    value = value * 8 + digit;
  }
  for (; at < end; at += 1) {
    if (block[at] !== 0x20 && block[at] !== 0) {
      throw formatError(`${what} is not a number: "${showBytes(block.subarray(start, end))}"`);
    }
  }
  return value;
}

function base256(block: Buffer, start: number, length: number, what: string): number {
  const negative = ((block[start] ?? 0) & 0x40) !== 0;
  const invert = negative ? 0xff : 0;
  let value = 0;
  for (let at = start; at < start + length; at += 1) {
    const byte = (block[at] ?? 0) ^ invert;
    value = value * 256 + (at === start ? byte & 0x7f : byte);
    if (!Number.isSafeInteger(value)) throw formatError(`${what} is too large`);
  }
  return negative ? -value - 1 : value;
}

/** As {@link numberField}, refusing negative numbers. */
export function countField(block: Buffer, start: number, length: number, what: string): number {
  const value = numberField(block, start, length, what);
  if (value < 0) throw formatError(`${what} is negative`);
  return value;
}

/** True when the header's checksum is right: the sum of all bytes, its own field as spaces, signed or not. */
export function checksumMatches(block: Buffer): boolean {
  let unsigned = 8 * 0x20;
  let signed = unsigned;
  for (let i = 0; i < 512; i += 1) {
    if (i === 148) i = 156;
    const byte = block[i] ?? 0;
    unsigned += byte;
    signed += byte < 128 ? byte : byte - 256;
  }
  const stored = numberField(block, 148, 8, 'the checksum');
  return stored === unsigned || stored === signed;
}

/** True for a block of zeros. */
export function isZeroBlock(block: Buffer): boolean {
  for (let i = 0; i < 512; i += 1) if (block[i] !== 0) return false;
  return true;
}
