import { join } from 'node:path';
import { type Digest, splitDigest } from './digests.ts';

/** Kinds of objects that have locks, in the order in which several are taken (contract 2.1). */
export const lockKinds = [
  'fs',
  'containers',
  'pods',
  'secrets',
  'configmaps',
  'userns',
  'storage',
  'blobs',
  'host',
] as const;
export type LockKind = (typeof lockKinds)[number];

/** Where everything lies (contract 2.1). All paths absolute; makes no directory. */
export interface Layout {
  readonly dataDir: string;
  readonly runtimeDir: string;
  readonly stateDir: string;
  readonly containersDir: string;
  readonly fsDir: string;
  readonly volumesDir: string;
  readonly locksDir: string;
  readonly blobCacheDir: string;
  readonly journalFile: string;
  readonly queueDir: string;
  readonly queueSocket: string;
  stateFile(container: string): string;
  containerDir(container: string): string;
  rootfsDir(rootfs: string): string;
  rootfsMetaFile(rootfs: string): string;
  rootfsEnvFile(rootfs: string): string;
  lockFile(kind: LockKind, name: string): string;
  blobFile(digest: Digest): string;
}

/** The layout below a data directory and a runtime directory. */
export function layoutOf(
  dataDir: string,
  runtimeDir: string,
  blobCacheDir = join(dataDir, 'cache/oci'),
): Layout {
  const fsDir = join(dataDir, 'fs');
  const containersDir = join(dataDir, 'containers');
  return {
    dataDir,
    runtimeDir,
    stateDir: join(dataDir, 'state'),
    containersDir,
    fsDir,
    volumesDir: join(dataDir, 'volumes'),
    locksDir: join(dataDir, 'locks'),
    blobCacheDir,
    journalFile: join(dataDir, 'journal.db'),
    queueDir: join(dataDir, 'queue'),
    queueSocket: join(runtimeDir, 'queue.sock'),
    stateFile: (container) => join(dataDir, 'state', container),
    containerDir: (container) => join(containersDir, container),
    rootfsDir: (rootfs) => join(fsDir, rootfs),
    rootfsMetaFile: (rootfs) => join(fsDir, `.${rootfs}.meta`),
    rootfsEnvFile: (rootfs) => join(fsDir, `.${rootfs}.env`),
    lockFile: (kind, name) => join(dataDir, 'locks', kind, `${name}.lock`),
    blobFile: (digest) => {
      const { algorithm, hex } = splitDigest(digest);
      return join(blobCacheDir, algorithm, hex);
    },
  };
}
