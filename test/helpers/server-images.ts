import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { debianTree, pushLayout } from './debian-image.ts';
import { blobOf, indexOf, jsonBlob, mediaTypes, pushImage, testImage } from './oci-image.ts';

const index = z.object({ manifests: z.array(z.object({ digest: z.string() })) });
const manifestSchema = z.looseObject({
  config: z.object({ digest: z.string() }),
  layers: z.array(z.unknown()),
});
const configSchema = z.looseObject({ architecture: z.string(), rootfs: z.unknown() });

/**
 * An OCI layout in `directory` with the tree of servers (test/host/trees/servers) as its one layer; `configure` gives
 * its image another configuration.
 */
export async function serverLayout(directory: string): Promise<{ configure(config: object): Promise<void> }> {
  const source = join(await debianTree('servers'), '../oci');
  await mkdir(directory, { recursive: true });
  await cp(source, directory, { recursive: true });
  const blob = (digest: string): string => join(directory, 'blobs/sha256', digest.replace('sha256:', ''));
  const json = async (path: string): Promise<unknown> => JSON.parse(await readFile(path, 'utf8'));
  const [first] = index.parse(await json(join(directory, 'index.json'))).manifests;
  const manifest = manifestSchema.parse(await json(blob(first?.digest ?? '')));
  const image = configSchema.parse(await json(blob(manifest.config.digest)));
  return {
    async configure(config) {
      const configBlob = jsonBlob(mediaTypes.config, { ...image, os: 'linux', config });
      const { mediaType, digest, size } = configBlob;
      const made = blobOf(
        mediaTypes.manifest,
        Buffer.from(JSON.stringify({ ...manifest, config: { mediaType, digest, size } })),
      );
      for (const { digest: name, bytes } of [configBlob, made]) await writeFile(blob(name), bytes);
      const list = indexOf([
        [`linux/${image.architecture}`, { manifest: made, config: configBlob, layers: [] }],
      ]);
      await writeFile(join(directory, 'index.json'), list.bytes);
    },
  };
}

/** Starts PostgreSQL as its own user over a volume that is empty the first time, as the official image does. */
const postgres = `set -e
data=/var/lib/postgresql/data
bin=$(echo /usr/lib/postgresql/*/bin)
chown postgres: "$data"
as='setpriv --reuid=postgres --regid=postgres --clear-groups'
[ -s "$data/PG_VERSION" ] || $as "$bin/initdb" -D "$data" -A trust -N > /tmp/initdb.log
exec $as "$bin/postgres" -D "$data" -c unix_socket_directories=/tmp`;

/** Servers of Debian as OCI images have them. */
export const serverConfigs = {
  nginx: {
    Entrypoint: ['nginx', '-g', 'daemon off; error_log /dev/stderr notice;'],
    ExposedPorts: { '80/tcp': {} },
    StopSignal: 'SIGQUIT',
  },
  redis: {
    User: 'redis',
    WorkingDir: '/var/lib/redis',
    // Its log is opened by path, with fopen(3).
    Cmd: [
      ...['redis-server', '--save', '', '--protected-mode', 'no', '--port', '6390'],
      ...['--logfile', '/dev/stdout'],
    ],
    ExposedPorts: { '6390/tcp': {} },
  },
  postgres: {
    Entrypoint: ['/bin/sh', '-c', postgres],
    Volumes: { '/var/lib/postgresql/data': {} },
    StopSignal: 'SIGINT',
  },
} as const;

/** Images of one program of busybox, which is linked statically. */
const busyboxImages: Readonly<
  Record<
    string,
    {
      readonly files: Readonly<Record<string, string>>;
      readonly program: string;
      readonly config: Readonly<Record<string, unknown>>;
    }
  >
> = {
  // Nothing but a program and a file on an empty root: no C library, no shell, no passwd.
  static: {
    program: 'busybox',
    files: { 'www/index.html': 'static\n' },
    config: { Entrypoint: ['/busybox', 'httpd', '-f', '-vv', '-p', '8081', '-h', '/www'], Cmd: null },
  },
  // A user by number, and a shell that is found on the usual path.
  busybox: {
    program: 'bin/sh',
    files: {},
    config: {
      User: '65534',
      Cmd: ['sh', '-c', 'id > /tmp/index.html; exec busybox httpd -f -vv -p 8082 -h /tmp'],
    },
  },
};

/** A server of Debian that can be pushed. */
export type ServerName = keyof typeof serverConfigs;

/**
 * Pushes servers of Debian to a registry on loopback, each as `<prefix><name>:latest`; `dir` is room for it, which is
 * free again afterwards.
 */
export async function pushServers(
  registry: string,
  dir: string,
  names: readonly ServerName[],
  prefix = '',
): Promise<void> {
  const layout = join(dir, 'servers');
  const servers = await serverLayout(layout);
  for (const name of names) {
    await servers.configure(serverConfigs[name]);
    await pushLayout(layout, undefined, registry, `${prefix}${name}:latest`);
  }
  await rm(layout, { recursive: true });
}

/** Pushes `static` and `busybox` to a registry on loopback. */
export async function pushBusyboxes(registry: string): Promise<void> {
  const busybox = await readFile(join(await debianTree('servers'), 'usr/bin/busybox'));
  for (const [name, { program, files, config }] of Object.entries(busyboxImages)) {
    const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';
    const layers = [{ [program]: busybox, ...files }];
    const image = await testImage({ layers, executable: [program], config, architecture });
    await pushImage(registry, name, 'latest', [image]);
  }
}
