import { open, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { openPlainPipe } from '../decompress.ts';
import type { DetectedSource } from '../detect.ts';
import { checkSpace, diskSpace, leastUnpackFactor } from '../disk-space.ts';
import type { Unpacked } from '../unpack/unpack.ts';
import { type Filled, noBytes } from './filled.ts';
import { unpackInto } from './unpack-into.ts';
import type { ImportWork } from './work.ts';

type Tarball = Extract<DetectedSource, { kind: 'tarball' }>;

async function unpackTarball(work: ImportWork, { path, compression }: Tarball): Promise<Unpacked> {
  const label = basename(work.input.source);
  switch (compression) {
    case 'none':
    case 'gzip':
    case 'zstd': {
      await using file = await open(path, 'r');
      const { size } = await file.stat();
      return await unpackInto(work, [{ label, itemId: 'unpack', file, size }], 'plain');
    }
    case 'bzip2':
    case 'xz': {
      const directory = await work.scratch();
      await using pipe = await openPlainPipe(path, compression, directory, work.ctx.signal);
      const unpacked = await unpackInto(work, [{ label, itemId: 'unpack', file: pipe.handle }], 'plain');
      // A file that was cut short may end where a tar may end.
      await pipe.check();
      return unpacked;
    }
  }
}

/** Fills the tree with a tarball's entries. @throws SdmeError `unpack.*`, `disk.full`, `io` */
export async function fillFromTarball(work: ImportWork, tarball: Tarball): Promise<Filled> {
  const { fsDir } = work.store.layout;
  const { size } = await stat(tarball.path);
  checkSpace(fsDir, await diskSpace(fsDir), { bytes: size * leastUnpackFactor, inodes: 1 });
  const { bytes, entries } = await unpackTarball(work, tarball);
  return { kind: 'tarball', bytes, entries, ...noBytes };
}
