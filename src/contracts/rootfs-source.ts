import { isAbsolute, resolve } from 'node:path';
import { SdmeError } from '../base/errors.ts';
import { nameProblem } from '../base/names.ts';

/** What the text of an import source says by itself, before anything is looked at (contract 6.1, rows 1-3). */
export type SourceTextKind = 'url' | 'registry' | 'path';

/** Suffixes that a file name loses when a rootfs name is made of it; the longest that fits goes. */
const knownSuffixes = [
  '.tar',
  '.tar.gz',
  '.tgz',
  '.tar.bz2',
  '.tbz2',
  '.tbz',
  '.tar.xz',
  '.txz',
  '.tar.zst',
  '.tar.zstd',
  '.tzst',
  '.oci',
  '.oci.tar',
  '.oci.tar.gz',
  '.raw',
  '.img',
  '.qcow2',
] as const;

/** Characters of a source that a message shows. */
const shownLength = 100;

/**
 * The kind a source's text has. A registry reference does not begin with `/` or `.`, and what stands before
 * its first `/` looks like a host: it has a dot or a port, or is `localhost` (contract 6.1, row 2).
 */
export function sourceTextKind(source: string): SourceTextKind {
  if (/^https?:\/\//i.test(source)) return 'url';
  const slash = source.indexOf('/');
  if (slash < 1 || source.startsWith('.')) return 'path';
  const host = source.slice(0, slash);
  return /[.:]/.test(host) || host === 'localhost' ? 'registry' : 'path';
}

/** True for a URL or reference with a user or password before its host. */
function namesUser(source: string): boolean {
  const authority = /^https?:\/\/([^/?#]*)/i.exec(source)?.[1] ?? source.slice(0, source.indexOf('/'));
  return authority.includes('@');
}

/** What is wrong with a source's text, or undefined. The source itself is not told: it may hold a password. */
export function sourceProblem(source: string): string | undefined {
  if (/[\0\r\n]/.test(source)) return 'source must be on a single line';
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(source)?.[1];
  if (scheme !== undefined && sourceTextKind(source) !== 'url') {
    return `${scheme}:// is no kind of source; give a path, an http or https URL, or an image as HOST/NAME`;
  }
  if (sourceTextKind(source) === 'path') {
    return isAbsolute(source) ? undefined : 'a source path must be absolute';
  }
  if (!namesUser(source)) return undefined;
  return 'credentials in a source are not supported, as they would stay in the record of the job';
}

/** The source as a worker understands it: paths are made absolute from the caller's directory `cwd`. */
export function absoluteSource(source: string, cwd: string): string {
  if (sourceTextKind(source) !== 'path' || isAbsolute(source)) return source;
  return resolve(cwd, source);
}

function lastComponent(path: string): string {
  return path.replace(/\/+$/, '').split('/').pop() ?? '';
}

function withoutKnownSuffix(file: string): string {
  const lower = file.toLowerCase();
  const fitting = knownSuffixes.filter((suffix) => lower.endsWith(suffix));
  const longest = fitting.reduce((most, suffix) => Math.max(most, suffix.length), 0);
  return longest === 0 ? file : file.slice(0, -longest);
}

function urlPath(source: string): string {
  try {
    return decodeURIComponent(new URL(source).pathname);
  } catch {
    // Not a URL after all: no name can be taken from it, and the caller says so.
    return '';
  }
}

function candidateName(source: string): string {
  switch (sourceTextKind(source)) {
    case 'url':
      return withoutKnownSuffix(lastComponent(urlPath(source)));
    case 'registry':
      return lastComponent(source.replace(/@.*$/, '')).replace(/:.*$/, '');
    case 'path':
      return withoutKnownSuffix(lastComponent(source));
  }
}

/** A source in a message: cut, and without what would act on a terminal. */
function shown(source: string): string {
  const printable = source.replace(/\p{C}/gu, '\u{fffd}');
  return printable.length > shownLength ? `${printable.slice(0, shownLength)}…` : printable;
}

/**
 * The rootfs name a source suggests: the last component of a repository without tag and digest, or a file's
 * base name without its known suffix (contract 6.1). @param remedy how the caller lets people name it
 * @throws SdmeError `input.invalid`
 */
export function inferRootfsName(source: string, remedy = 'use --name <name>'): string {
  const name = candidateName(source);
  if (nameProblem(name) === undefined) return name;
  throw new SdmeError('input.invalid', `cannot infer a valid rootfs name from '${shown(source)}'; ${remedy}`);
}
