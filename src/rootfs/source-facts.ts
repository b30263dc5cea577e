import { constants, type Stats } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SdmeError } from '../base/errors.ts';
import { isMetaMember, judgeMember, memberSkimmer, readMemberHeader } from './archive-members.ts';
import { openPlain } from './decompress.ts';
import type { PathFacts } from './detect.ts';
import { type Compression, compressionOf, magicLength, magicOf } from './magic.ts';

/** Whether an uncompressed archive is an image: contents are passed over without reading them. */
async function plainHoldsImage(handle: FileHandle, signal: AbortSignal): Promise<boolean> {
  const header = Buffer.alloc(512);
  for (let at = 0; ; ) {
    signal.throwIfAborted();
    const { bytesRead } = await handle.read(header, 0, 512, at);
    const member = bytesRead === 512 ? readMemberHeader(header) : undefined;
    if (member === undefined) return false;
    const verdict = isMetaMember(member.type) ? 'open' : judgeMember(member.name);
    if (verdict !== 'open') return verdict === 'image';
    at += 512 + Math.ceil(member.size / 512) * 512;
  }
}

async function holdsImage(path: string, compression: Compression, signal: AbortSignal): Promise<boolean> {
  if (compression === 'none') {
    const handle = await open(path, 'r');
    try {
      return await plainHoldsImage(handle, signal);
    } finally {
      await handle.close();
    }
  }
  await using plain = await openPlain(path, compression, signal);
  const skimmer = memberSkimmer();
  try {
    for await (const chunk of plain.stream) {
      signal.throwIfAborted();
      if (!Buffer.isBuffer(chunk)) throw new SdmeError('internal', 'a decoder gave text');
      if (skimmer.push(chunk)) break;
    }
  } catch {
    signal.throwIfAborted();
    // A damaged archive is taken for a tarball here; unpacking says what is wrong with it.
    return false;
  }
  return skimmer.verdict();
}

async function readHead(path: string, length: number): Promise<Buffer> {
  // Not blocking: the path may have become a fifo since it was looked at.
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

async function layoutVersion(directory: string): Promise<string | undefined> {
  let text: string;
  try {
    text = (await readHead(join(directory, 'oci-layout'), 4096)).toString('utf8');
  } catch {
    // No such file, or none that can be read: an ordinary directory.
    return undefined;
  }
  return /"imageLayoutVersion"\s*:\s*"([^"]{1,32})"/.exec(text)?.[1];
}

/** What is at a source path. @throws SdmeError `io` when it cannot be read; the signal's reason */
export async function factsOf(path: string, signal: AbortSignal): Promise<PathFacts> {
  let found: Stats;
  try {
    found = await stat(path);
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && (cause.code === 'ENOENT' || cause.code === 'ENOTDIR')) {
      return { type: 'missing' };
    }
    throw new SdmeError('io', `cannot look at ${path}`, { cause });
  }
  if (found.isDirectory()) {
    const version = await layoutVersion(path);
    return version === undefined ? { type: 'directory' } : { type: 'directory', layoutVersion: version };
  }
  if (!found.isFile()) return { type: 'other' };
  const magic = magicOf(await readHead(path, magicLength));
  const compression = compressionOf(magic);
  return {
    type: 'file',
    magic,
    image: compression !== undefined && (await holdsImage(path, compression, signal)),
  };
}
