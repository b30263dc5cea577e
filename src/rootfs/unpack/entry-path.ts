import { entryError } from './entry-error.ts';

/**
 * What an entry's name asks for. `path` is relative to the root, ends in NUL, and has no empty, `.` or `..`
 * components. Whiteouts: OCI image-spec layer.md.
 */
export type EntryPath =
  | { readonly kind: 'root' }
  | { readonly kind: 'node'; readonly path: Buffer }
  /** `name` in `parent` of the lower layers goes. */
  | { readonly kind: 'whiteout'; readonly parent: Buffer; readonly name: Buffer }
  /** All of the lower layers in `parent` goes. */
  | { readonly kind: 'opaque'; readonly parent: Buffer }
  /** Bookkeeping of aufs, which is not part of the tree (C13). */
  | { readonly kind: 'skipped' };

const SLASH = 0x2f;
const DOT = 0x2e;
/** The kernel's limits (limits.h); longer ones are refused here, so that nothing is ever cut (E16). */
const maxComponent = 255;
const maxPath = 4095;
const whiteoutPrefix = Buffer.from('.wh.');
const metaPrefix = Buffer.from('.wh..wh.');
const opaqueName = Buffer.from('.wh..wh..opq');
const here = Buffer.from('.\0');

/** Whether a component is a whiteout's, or one of aufs' bookkeeping. */
type Hidden = 'none' | 'whiteout' | 'meta';

/** A cleaned path, and where its last component and its whiteout components are. */
interface Clean {
  readonly path: Buffer;
  readonly length: number;
  readonly lastStart: number;
  /** Components but the last that begin with `.wh.`, as one finding. */
  readonly hiddenParent: Hidden;
}

function startsWith(bytes: Buffer, prefix: Buffer, start: number, end: number): boolean {
  return (
    end - start >= prefix.length &&
    bytes.compare(prefix, 0, prefix.length, start, start + prefix.length) === 0
  );
}

/**
 * Drops leading and doubled slashes and `.`; `..` is refused everywhere, in names, whiteouts and link targets
 * alike (A1, A3). @throws SdmeError `unpack.entry-invalid`
 */
function clean(name: Buffer, maxDepth: number, shown: Buffer): Clean {
  const path = Buffer.allocUnsafe(name.length + 1);
  let length = 0;
  let depth = 0;
  let lastStart = 0;
  let last: Hidden = 'none';
  let hiddenParent: Hidden = 'none';
  for (let at = 0; at < name.length; ) {
    const slash = name.indexOf(SLASH, at);
    const end = slash === -1 ? name.length : slash;
    const size = end - at;
    const dotted = name[at] === DOT;
    if (size === 0 || (size === 1 && dotted)) {
      at = end + 1;
      continue;
    }
    if (size === 2 && dotted && name[at + 1] === DOT) throw entryError(shown, 'has ".." in its path');
    if (size > maxComponent) throw entryError(shown, `has a component of more than ${maxComponent} bytes`);
    if (last !== 'none' && hiddenParent !== 'meta') hiddenParent = last;
    last = dotted ? hiddenKind(name, at, end) : 'none';
    if (length > 0) path[length++] = SLASH;
    lastStart = length;
    length += name.copy(path, length, at, end);
    depth += 1;
    at = end + 1;
  }
  if (length > maxPath) throw entryError(shown, `has a path of more than ${maxPath} bytes`);
  if (depth > maxDepth)
    throw entryError(shown, `lies more than ${maxDepth} directories deep`, 'unpack.limit');
  path[length] = 0;
  return { path: path.subarray(0, length + 1), length, lastStart, hiddenParent };
}

function hiddenKind(name: Buffer, start: number, end: number): Hidden {
  if (startsWith(name, metaPrefix, start, end)) return 'meta';
  return startsWith(name, whiteoutPrefix, start, end) ? 'whiteout' : 'none';
}

/** The plain path of a name, whiteouts or not; undefined for the root. */
export function plainPath(name: Buffer, maxDepth: number, shown: Buffer = name): Buffer | undefined {
  if (name.length === 0) throw entryError(shown, 'has an empty name');
  const { path, length } = clean(name, maxDepth, shown);
  return length === 0 ? undefined : path;
}

/** What an entry of a layer asks for. @throws SdmeError `unpack.entry-invalid`, `unpack.limit` */
export function layerPath(name: Buffer, maxDepth: number): EntryPath {
  if (name.length === 0) throw entryError(name, 'has an empty name');
  const { path, length, lastStart, hiddenParent } = clean(name, maxDepth, name);
  if (length === 0) return { kind: 'root' };
  if (hiddenParent === 'meta') return { kind: 'skipped' };
  if (hiddenParent === 'whiteout') throw entryError(name, 'lies below a whiteout');
  const hidden = path[lastStart] === DOT ? hiddenKind(path, lastStart, length) : 'none';
  if (hidden === 'none') return { kind: 'node', path };
  const parent = lastStart === 0 ? here : Buffer.concat([path.subarray(0, lastStart - 1), Buffer.alloc(1)]);
  if (hidden === 'meta') {
    const opaque = path.subarray(lastStart, length).equals(opaqueName);
    return opaque ? { kind: 'opaque', parent } : { kind: 'skipped' };
  }
  const target = Buffer.from(path.subarray(lastStart + whiteoutPrefix.length, length));
  const text = target.toString('latin1');
  if (text === '' || text === '.' || text === '..') throw entryError(name, 'is not a valid whiteout');
  return { kind: 'whiteout', parent, name: target };
}
