import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { blobOf, describe, jsonBlob, mediaTypes, sha256, type TestImage, tarOf } from './oci-image.ts';
import { makeSmallTree } from './small-tree.ts';
import { tempDir } from './temp-dir.ts';

/** Files of random bytes that no compression makes smaller: `dir/0`, `dir/1`, … */
export function randomFiles(dir: string, count: number, bytes: number): Record<string, Buffer> {
  const pool = randomBytes(bytes + count);
  return Object.fromEntries(
    Array.from({ length: count }, (_, i) => [`${dir}/${i}`, pool.subarray(i, i + bytes)]),
  );
}

/** A layer as its plain tar, and the blob of it. */
export interface TestLayer {
  readonly tar: Buffer;
  readonly blob: TestImage['layers'][number];
}

/** A gzip layer of a tar. */
export function layerOf(tar: Buffer): TestLayer {
  return { tar, blob: blobOf(mediaTypes.layer, gzipSync(tar, { level: 1 })) };
}

/** A gzip layer of regular files. */
export async function layerOfFiles(files: Readonly<Record<string, Buffer | string>>): Promise<TestLayer> {
  return layerOf(await tarOf(files));
}

/** A layer in which shell commands run, of a Debian that lacks systemd: the import's own commands run in it. */
export async function shellLayer(): Promise<TestLayer> {
  await using dir = await tempDir();
  await makeSmallTree(dir.path);
  execFileSync('sh', ['-c', 'echo ID=debian > etc/os-release'], { cwd: dir.path });
  return layerOf(execFileSync('tar', ['-C', dir.path, '-c', '.'], { maxBuffer: 256 * 1024 * 1024 }));
}

/** An image of layers, which several images may share. */
export function imageOf(layers: readonly TestLayer[]): TestImage {
  const config = jsonBlob(mediaTypes.config, {
    os: 'linux',
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    config: { Cmd: ['bash'], Labels: { test: randomBytes(8).toString('hex') } },
    rootfs: { type: 'layers', diff_ids: layers.map(({ tar }) => sha256(tar)) },
  });
  const blobs = layers.map(({ blob }) => blob);
  const manifest = jsonBlob(mediaTypes.manifest, {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: describe(config),
    layers: blobs.map(describe),
  });
  return { manifest, config, layers: blobs };
}
