import { SdmeError } from '../base/errors.ts';
import type { NodeKind } from '../system/fs/beneath.ts';

/** What could be taken of a list that an image declares, and a note for each part that could not. */
export interface Declared {
  readonly values: readonly string[];
  readonly notes: readonly string[];
}

/** More would flood the container's record and nspawn's command line. */
const maxPorts = 256;
const maxVolumes = 256;
const maxNotes = 10;

function declared(values: Iterable<string>, notes: readonly string[]): Declared {
  const more = notes.length - maxNotes;
  const shown = more > 0 ? [...notes.slice(0, maxNotes), `${more} more were ignored`] : notes;
  return { values: [...new Set(values)].sort(), notes: shown };
}

const shown = (text: string): string => JSON.stringify(text.slice(0, 100));

/** `ExposedPorts` as lines such as `80/tcp`, sorted; ranges and other protocols are ignored with a note. */
export function declaredPorts(exposed: readonly string[]): Declared {
  const values: string[] = [];
  const notes: string[] = [];
  for (const text of exposed) {
    const match = /^([1-9][0-9]{0,4})(?:\/(tcp|udp))?$/.exec(text);
    const [, port = '', protocol = 'tcp'] = match ?? [];
    if (match === null || Number(port) > 65_535) notes.push(`ignoring the image's port ${shown(text)}`);
    else if (values.length >= maxPorts) notes.push(`ignoring the image's port ${shown(text)}: too many`);
    else values.push(`${port}/${protocol}`);
  }
  return declared(values, notes);
}

const partsOf = (path: string): string[] => path.split('/').filter((part) => part !== '');
const pathOf = (parts: readonly string[]): string => `/${parts.join('/')}`;

/** Directories that systemd mounts in every application; a new /run hides what lies below the image's. */
const mounted = ['proc', 'sys', 'dev'];
/** The longest name of a file, in bytes (NAME_MAX). */
const maxNameBytes = 255;

/** What volumes are declared for. */
export interface VolumeRoot {
  /** What is at a path relative to the application's root, a symlink at its end not followed. */
  readonly kindOf: (path: string) => NodeKind | undefined;
  /** Directories, over no link, that an empty volume must not hide: no application starts without what is in them. */
  readonly needed: readonly string[];
}

function wayProblem(parts: readonly string[], { kindOf }: VolumeRoot): string | undefined {
  for (const index of parts.keys()) {
    const kind = kindOf(parts.slice(0, index + 1).join('/'));
    if (kind === undefined) return undefined;
    // nspawn would follow a link to a place outside of the application.
    if (kind === 'symlink') return 'it leads over a symlink';
    if (kind !== 'directory') return 'it leads over a file';
  }
  return undefined;
}

function volumeProblem(path: string, root: VolumeRoot): string | undefined {
  const parts = partsOf(path);
  // `:`, `|` and `,` separate binds and lists in the container's record; the rest ends lines of units oddly.
  if (!path.startsWith('/') || /[\p{Cc}\p{Noncharacter_Code_Point}:|,\\]|\s(?:\/|$)/u.test(path))
    return 'not a plain absolute path';
  if (parts.includes('..') || parts.includes('.')) return "it has '.' or '..'";
  if (parts.length === 0 || mounted.includes(parts[0] ?? '') || (parts[0] === 'run' && parts.length > 1))
    return 'systemd mounts there';
  if (root.needed.some((directory) => `${directory}/`.startsWith(`${pathOf(parts)}/`)))
    return 'the application could not start without what lies there';
  // The directory that keeps its data is named after all of the path (contract 1.4, "OCI volumes").
  if (Buffer.byteLength(parts.join('-')) > maxNameBytes) return 'its path is too long';
  return wayProblem(parts, root);
}

/** The one of `others` that a path lies below. */
function outerOf(path: string, others: ReadonlySet<string>): string | undefined {
  const parts = partsOf(path);
  return parts.map((_part, index) => pathOf(parts.slice(0, index))).find((parent) => others.has(parent));
}

/**
 * `Volumes` as absolute paths, sorted. What cannot be mounted safely is ignored with a note: also a volume below another one, whose workload could
 * put a link in its way.
 */
export function declaredVolumes(volumes: readonly string[], root: VolumeRoot): Declared {
  const values: string[] = [];
  const notes: string[] = [];
  const problems = new Map(volumes.map((text) => [text, volumeProblem(text, root)]));
  const mountable = new Set(
    volumes.filter((text) => problems.get(text) === undefined).map((text) => pathOf(partsOf(text))),
  );
  for (const text of volumes) {
    const refused = problems.get(text);
    const outer = refused === undefined ? outerOf(text, mountable) : undefined;
    const nested = outer === undefined ? undefined : `its data lie in the volume ${shown(outer)}`;
    const problem = refused ?? nested ?? (values.length >= maxVolumes ? 'too many' : undefined);
    if (problem === undefined) values.push(pathOf(partsOf(text)));
    else notes.push(`ignoring the image's volume ${shown(text)}: ${problem}`);
  }
  return declared(values, notes);
}

/** `WorkingDir`, or `/`. @throws SdmeError `input.invalid` for a relative path or one with `..` */
export function workingDirectory(text: string): string {
  if (text === '') return '/';
  if (
    !text.startsWith('/') ||
    text.split('/').includes('..') ||
    /[\p{Cc}\p{Noncharacter_Code_Point}]/u.test(text)
  ) {
    throw new SdmeError(
      'input.invalid',
      `the image's working directory ${shown(text)} is not an absolute path without '..'`,
    );
  }
  return text;
}
