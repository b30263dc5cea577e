import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { run } from '../src/system/exec/run.ts';

/**
 * The images that imports are measured with, made of real Debian packages: one layer a package, gzip level 6.
 * `one-layer` is about 190 MB unpacked; `fifteen-layers` about 790 MB in about 47,000 entries. What stands behind
 * a bar is the package of a newer Debian.
 */
export const benchImages: Readonly<Record<string, readonly string[]>> = {
  'one-layer': ['openjdk-17-jre-headless|openjdk-21-jre-headless'],
  'fifteen-layers': [
    'libllvm14|libllvm19',
    'libboost1.81-dev|libboost1.83-dev',
    'golang-1.19-src|golang-1.24-src',
    'linux-headers-6.1.0-*-common|linux-headers-6.12.*-common',
    'gcc-12|gcc-14',
    'cpp-12|cpp-14',
    'libclang-cpp14|libclang-cpp19',
    'git',
    'mariadb-server-core',
    'vim-runtime',
    'perl-modules-5.36|perl-modules-5.40',
    'libpython3.11-stdlib|libpython3.13-stdlib',
    'python3-sympy',
    'locales',
    'busybox',
  ],
};

interface Layer {
  readonly digest: string;
  readonly size: number;
  readonly diffId: string;
  readonly unpacked: number;
}

/** What an image is, for the report. */
export interface BenchImage {
  readonly name: string;
  readonly layers: number;
  readonly compressedBytes: number;
  readonly unpackedBytes: number;
}

/** The newest package of the first alternative that the archive has, e.g. of `linux-headers-6.1.0-*-common`. */
async function packageName(patterns: string): Promise<string> {
  for (const pattern of patterns.split('|')) {
    const { stdout } = await run('apt-cache', ['pkgnames', pattern.split('*')[0] ?? pattern]);
    const form = new RegExp(`^${pattern.replaceAll('.', '\\.').replace('*', '[0-9a-z+]+')}$`);
    const matches = stdout.split('\n').filter((name) => form.test(name));
    const newest = matches.sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1);
    if (newest !== undefined) return newest;
  }
  throw new Error(`no Debian package ${patterns}: run apt-get update`);
}

async function download(name: string, directory: string): Promise<string> {
  await mkdir(directory, { recursive: true });
  await run('apt-get', ['download', '-o', 'APT::Sandbox::User=root', name], { cwd: directory });
  const file = (await readdir(directory)).find((entry) => entry.startsWith(`${name}_`));
  if (file === undefined) throw new Error(`apt-get brought no file for ${name}`);
  return join(directory, file);
}

/** Counts and hashes what passes. */
function meter(): { stream: Transform; result: () => { digest: string; bytes: number } } {
  const hash = createHash('sha256');
  let bytes = 0;
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      bytes += chunk.length;
      done(null, chunk);
    },
  });
  return { stream, result: () => ({ digest: hash.digest('hex'), bytes }) };
}

/** The tree of a package as a gzip layer in the layout's blobs. */
async function addLayer(deb: string, blobs: string): Promise<Layer> {
  const plain = meter();
  const packed = meter();
  const temporary = join(blobs, 'under-way');
  const child = spawn('dpkg-deb', ['--fsys-tarfile', deb], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  await pipeline(
    child.stdout,
    plain.stream,
    createGzip({ level: 6 }),
    packed.stream,
    createWriteStream(temporary),
  );
  const [code] = await ended;
  if (code !== 0) throw new Error(`dpkg-deb failed on ${deb}`);
  const { digest, bytes } = packed.result();
  await rename(temporary, join(blobs, digest));
  const unpacked = plain.result();
  return { digest, size: bytes, diffId: unpacked.digest, unpacked: unpacked.bytes };
}

async function addJson(blobs: string, value: unknown): Promise<{ digest: string; size: number }> {
  const text = JSON.stringify(value);
  const digest = createHash('sha256').update(text).digest('hex');
  await writeFile(join(blobs, digest), text);
  return { digest: `sha256:${digest}`, size: Buffer.byteLength(text) };
}

async function makeLayout(name: string, directory: string): Promise<BenchImage> {
  const blobs = join(directory, 'blobs/sha256');
  await mkdir(blobs, { recursive: true });
  const layers: Layer[] = [];
  for (const pattern of benchImages[name] ?? []) {
    const deb = await download(await packageName(pattern), join(directory, 'packages'));
    layers.push(await addLayer(deb, blobs));
  }
  await rm(join(directory, 'packages'), { recursive: true });
  const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';
  const config = await addJson(blobs, {
    architecture,
    os: 'linux',
    config: { Cmd: ['bash'] },
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => `sha256:${diffId}`) },
  });
  const manifest = await addJson(blobs, {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...config },
    layers: layers.map(({ digest, size }) => ({
      mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
      digest: `sha256:${digest}`,
      size,
    })),
  });
  const index = {
    schemaVersion: 2,
    manifests: [
      {
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        ...manifest,
        annotations: { 'org.opencontainers.image.ref.name': 'latest' },
      },
    ],
  };
  await writeFile(join(directory, 'index.json'), JSON.stringify(index));
  await writeFile(join(directory, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  const sum = (pick: (layer: Layer) => number): number =>
    layers.reduce((total, layer) => total + pick(layer), 0);
  return {
    name,
    layers: layers.length,
    compressedBytes: sum(({ size }) => size),
    unpackedBytes: sum(({ unpacked }) => unpacked),
  };
}

/**
 * The OCI layout of a bench image below `cache`, made on first use in a staging directory and renamed, and
 * what the image is.
 */
export async function benchImage(name: string, cache: string): Promise<BenchImage & { directory: string }> {
  const directory = join(cache, `bench-${name}`);
  const facts = join(directory, 'facts.json');
  const exists = await stat(facts).then(
    () => true,
    () => false,
  );
  if (!exists) {
    const staging = `${directory}.${process.pid}`;
    try {
      const made = await makeLayout(name, staging);
      await writeFile(join(staging, 'facts.json'), JSON.stringify(made));
      await rename(staging, directory);
    } finally {
      await rm(staging, { recursive: true, force: true });
    }
  }
  return { ...(JSON.parse(await readFile(facts, 'utf8')) as BenchImage), directory };
}
