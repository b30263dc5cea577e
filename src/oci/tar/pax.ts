import type { TarTime } from './entry.ts';
import { formatError } from './fields.ts';

/** What a PAX extended header (POSIX.1-2017 pax, "pax Extended Header") says about the entry after it. */
export interface PaxRecords {
  path?: Buffer;
  linkpath?: Buffer;
  size?: number;
  uid?: number;
  gid?: number;
  mtime?: TarTime;
  readonly xattrs: Map<string, Buffer>;
}

const xattrPrefix = 'SCHILY.xattr.';

/**
 * Reads the records `"%d %s=%s\n"`; values are bytes. Unknown keys are passed over, an empty value leaves the
 * header's own. Damaged records, NUL in paths and sparse maps are refused, never guessed at (E2, E4, E5, E14).
 */
export function parsePax(data: Buffer): PaxRecords {
  const records: PaxRecords = { xattrs: new Map() };
  for (let at = 0; at < data.length; ) {
    const space = data.indexOf(0x20, at);
    const digits = space === -1 ? '' : data.toString('latin1', at, Math.min(space, at + 20));
    const end = at + Number(digits);
    const equals = data.indexOf(0x3d, space + 1);
    const whole = /^[1-9][0-9]*$/.test(digits) && end <= data.length && data[end - 1] === 0x0a;
    if (!whole || equals === -1 || equals === space + 1 || equals >= end) {
      throw formatError('a PAX record is damaged');
    }
    const key = data.toString('latin1', space + 1, equals);
    if (key.includes('\0')) throw formatError('a PAX key holds NUL');
    setRecord(records, key, data.subarray(equals + 1, end - 1));
    at = end;
  }
  return records;
}

function setRecord(records: PaxRecords, key: string, value: Buffer): void {
  if (key.startsWith('GNU.sparse.')) throw formatError('sparse files are not supported');
  if (key.startsWith(xattrPrefix)) {
    records.xattrs.set(key.slice(xattrPrefix.length), Buffer.from(value));
    return;
  }
  if (value.length === 0) return;
  switch (key) {
    case 'path':
      records.path = pathValue(key, value);
      return;
    case 'linkpath':
      records.linkpath = pathValue(key, value);
      return;
    case 'size':
      records.size = countValue(key, value);
      return;
    case 'uid':
      records.uid = countValue(key, value);
      return;
    case 'gid':
      records.gid = countValue(key, value);
      return;
    case 'mtime':
      records.mtime = parseTime(value.toString('latin1'));
      return;
  }
}

function pathValue(key: string, value: Buffer): Buffer {
  if (value.includes(0)) throw formatError(`the PAX ${key} holds NUL`);
  return Buffer.from(value);
}

function countValue(key: string, value: Buffer): number {
  const text = value.toString('latin1');
  const count = /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(count)) throw formatError(`the PAX ${key} is not a valid number`);
  return count;
}

/** Seconds with an optional fraction, which is cut to nanoseconds; times before 1970 are negative. */
export function parseTime(text: string): TarTime {
  const match = /^(-?)([0-9]{1,15})(?:\.([0-9]{0,100}))?$/.exec(text);
  if (match === null) throw formatError('the PAX mtime is not a time');
  const seconds = Number(match[2]);
  const nanoseconds = Number((match[3] ?? '').slice(0, 9).padEnd(9, '0'));
  if (match[1] !== '-') return { seconds, nanoseconds };
  if (nanoseconds === 0) return { seconds: seconds === 0 ? 0 : -seconds, nanoseconds };
  return { seconds: -seconds - 1, nanoseconds: 1_000_000_000 - nanoseconds };
}
