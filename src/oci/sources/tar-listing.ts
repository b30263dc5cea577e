import type { FileHandle } from 'node:fs/promises';
import { SdmeError } from '../../base/errors.ts';
import type { TarEntry } from '../tar/entry.ts';
import { TarParser } from '../tar/parser.ts';

/** Most members of an archive that holds an image; real ones have a few per layer. */
const maxMembers = 100_000;
const blockSize = 512;

/** A regular file in a tar: `size` bytes of the tar from `offset`; or a link to another member. */
export type TarMember =
  | { readonly kind: 'file'; readonly offset: number; readonly size: number }
  | { readonly kind: 'link'; readonly target: string };

/** A member's name without `./` and doubled slashes. It is only ever compared, never used as a path. */
function memberName(bytes: Buffer): string {
  return bytes
    .toString('latin1')
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/');
}

/** Where a symlink of a member leads, by name. */
function linkTarget(name: string, entry: TarEntry): string {
  const from = entry.type === 'symlink' ? name.split('/').slice(0, -1) : [];
  const parts: string[] = [...from];
  for (const part of memberName(entry.linkName).split('/')) {
    if (part === '..') parts.pop();
    else parts.push(part);
  }
  return parts.join('/');
}

/**
 * Lists the members of a plain tar by reading its headers only; contents are passed over by position. The last of
 * several members of one name counts. @throws SdmeError `unpack.format`, `oci.limit`; the signal's reason
 */
export async function listTar(
  handle: FileHandle,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, TarMember>> {
  const { size: end } = await handle.stat();
  const members = new Map<string, TarMember>();
  let found: TarEntry | undefined;
  const open = (): TarParser =>
    new TarParser({
      entry: (entry) => {
        found = entry;
      },
      content: () => {},
      contentEnd: () => {},
    });
  let parser = open();
  const block = Buffer.alloc(blockSize);
  let position = 0;
  while (position < end && !parser.ended) {
    signal.throwIfAborted();
    const { bytesRead } = await handle.read(block, 0, blockSize, position);
    if (bytesRead === 0) break;
    parser.feed(block.subarray(0, bytesRead));
    position += bytesRead;
    if (found === undefined) continue;
    const entry = found;
    found = undefined;
    const name = memberName(entry.name);
    if (members.size >= maxMembers)
      throw new SdmeError('oci.limit', `the archive has more than ${maxMembers} members`);
    if (entry.type === 'symlink' || entry.type === 'hardlink') {
      members.set(name, { kind: 'link', target: linkTarget(name, entry) });
    } else if (entry.type === 'file') {
      members.set(name, { kind: 'file', offset: position, size: entry.size });
      if (position + entry.size > end) throw new SdmeError('unpack.format', 'the archive is cut off');
      if (entry.size > 0) {
        // Between entries a parser remembers nothing, so a new one goes on after the content.
        position += Math.ceil(entry.size / blockSize) * blockSize;
        parser = open();
      }
    }
  }
  if (position <= end) parser.finish();
  return members;
}
