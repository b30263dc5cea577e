import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { type Digest, parseDigest, splitDigest } from '../../src/base/digests.ts';

/** A blob of a test image. */
export interface TestBlob {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly bytes: Buffer;
}

/** An image in memory. */
export interface TestImage {
  readonly manifest: TestBlob;
  readonly config: TestBlob;
  readonly layers: readonly TestBlob[];
}

export const mediaTypes = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
  plainLayer: 'application/vnd.oci.image.layer.v1.tar',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerLayer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
} as const;

/** The sha256 digest of bytes. */
export function sha256(bytes: Uint8Array): Digest {
  return parseDigest(`sha256:${createHash('sha256').update(bytes).digest('hex')}`);
}

export function blobOf(mediaType: string, bytes: Buffer): TestBlob {
  return { mediaType, digest: sha256(bytes), size: bytes.length, bytes };
}

export function jsonBlob(mediaType: string, value: unknown): TestBlob {
  return blobOf(mediaType, Buffer.from(JSON.stringify(value)));
}

/** What a manifest says about a blob. */
export function describe({ mediaType, digest, size }: TestBlob): {
  mediaType: string;
  digest: string;
  size: number;
} {
  return { mediaType, digest, size };
}

/** A tar of regular files; those named `executable` have mode 0755, all others 0644. */
export async function tarOf(
  files: Readonly<Record<string, Buffer | string>>,
  executable: readonly string[] = [],
): Promise<Buffer> {
  const archive = pack();
  for (const [name, content] of Object.entries(files)) {
    archive.entry({ name, mtime: new Date(0), mode: executable.includes(name) ? 0o755 : 0o644 }, content);
  }
  const chunks: Buffer[] = [];
  archive.on('data', (chunk) => {
    if (Buffer.isBuffer(chunk)) chunks.push(chunk);
  });
  archive.finalize();
  await once(archive, 'end');
  return Buffer.concat(chunks);
}

export interface TestImageOptions {
  /** Files of each layer; default: one layer with one small file. */
  readonly layers?: readonly Readonly<Record<string, Buffer | string>>[];
  /** Names of files that are programs. */
  readonly executable?: readonly string[];
  readonly architecture?: string;
  readonly config?: Readonly<Record<string, unknown>>;
  readonly docker?: boolean;
  /** Layers as plain tar instead of gzip. */
  readonly plain?: boolean;
}

/** Makes an image. Each has a random label, so that no two images share a manifest by accident. */
export async function testImage(options: TestImageOptions = {}): Promise<TestImage> {
  const tars = await Promise.all(
    (options.layers ?? [{ 'etc/issue': 'test\n' }]).map((files) => tarOf(files, options.executable)),
  );
  const type =
    options.docker === true
      ? mediaTypes.dockerLayer
      : options.plain === true
        ? mediaTypes.plainLayer
        : mediaTypes.layer;
  const layers = tars.map((tar) => blobOf(type, options.plain === true ? tar : gzipSync(tar, { level: 1 })));
  const config = jsonBlob(options.docker === true ? mediaTypes.dockerConfig : mediaTypes.config, {
    os: 'linux',
    architecture: options.architecture ?? 'amd64',
    config: { Cmd: ['bash'], Labels: { test: randomBytes(8).toString('hex') }, ...options.config },
    rootfs: { type: 'layers', diff_ids: tars.map(sha256) },
  });
  const manifest = jsonBlob(options.docker === true ? mediaTypes.dockerManifest : mediaTypes.manifest, {
    schemaVersion: 2,
    mediaType: options.docker === true ? mediaTypes.dockerManifest : mediaTypes.manifest,
    config: describe(config),
    layers: layers.map(describe),
  });
  return { manifest, config, layers };
}

/** An index over images, each for a platform such as `linux/arm/v7`. */
export function indexOf(
  images: readonly (readonly [platform: string, image: TestImage])[],
  docker = false,
): TestBlob {
  const mediaType = docker ? mediaTypes.dockerList : mediaTypes.index;
  return jsonBlob(mediaType, {
    schemaVersion: 2,
    mediaType,
    manifests: images.map(([platform, { manifest }]) => {
      const [os, architecture, variant] = platform.split('/');
      return {
        ...describe(manifest),
        platform: { os, architecture, ...(variant === undefined ? {} : { variant }) },
      };
    }),
  });
}

/** All blobs of an image that a layout or registry must hold. */
export function blobsOf(image: TestImage): readonly TestBlob[] {
  return [image.config, ...image.layers, image.manifest];
}

/** The files of an OCI layout, by path. */
export function layoutFiles(
  images: readonly TestImage[],
  root: TestBlob = indexOf(images.map((image) => ['linux/amd64', image])),
): Record<string, Buffer> {
  const files: Record<string, Buffer> = {
    'oci-layout': Buffer.from('{"imageLayoutVersion":"1.0.0"}'),
    'index.json': root.bytes,
  };
  for (const { digest, bytes } of images.flatMap(blobsOf)) {
    const { algorithm, hex } = splitDigest(digest);
    files[`blobs/${algorithm}/${hex}`] = bytes;
  }
  return files;
}

/** Writes files below a directory. */
export async function writeFiles(dir: string, files: Readonly<Record<string, Buffer>>): Promise<void> {
  for (const [path, bytes] of Object.entries(files)) {
    await mkdir(join(dir, path, '..'), { recursive: true });
    await writeFile(join(dir, path), bytes);
  }
}

/** Uploads blobs and manifests to a registry (distribution spec, "Pushing"); `headers` may hold a login. */
export async function pushImage(
  host: string,
  repository: string,
  tag: string,
  images: readonly TestImage[],
  options: {
    readonly root?: TestBlob;
    readonly headers?: Record<string, string>;
    readonly scheme?: string;
  } = {},
): Promise<void> {
  const base = `${options.scheme ?? 'http'}://${host}/v2/${repository}`;
  const headers = options.headers ?? {};
  const send = async (url: string, init: RequestInit): Promise<Response> => {
    const answer = await fetch(url, init);
    if (!answer.ok) throw new Error(`${init.method} ${url}: ${answer.status} ${await answer.text()}`);
    await answer.arrayBuffer();
    return answer;
  };
  for (const { digest, bytes } of images.flatMap(({ config, layers }) => [config, ...layers])) {
    const begun = await send(`${base}/blobs/uploads/`, { method: 'POST', headers });
    const place = new URL(begun.headers.get('location') ?? '', base);
    place.searchParams.set('digest', digest);
    await send(place.href, {
      method: 'PUT',
      headers: { ...headers, 'content-type': 'application/octet-stream' },
      body: new Uint8Array(bytes),
    });
  }
  const put = ({ mediaType, bytes }: TestBlob, name: string): Promise<Response> =>
    send(`${base}/manifests/${name}`, {
      method: 'PUT',
      headers: { ...headers, 'content-type': mediaType },
      body: new Uint8Array(bytes),
    });
  for (const { manifest } of images) await put(manifest, manifest.digest);
  const root = options.root ?? images[0]?.manifest;
  if (root !== undefined) await put(root, tag);
}
