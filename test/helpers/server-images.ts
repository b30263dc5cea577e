import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { debianTree } from './debian-image.ts';
import { blobOf, indexOf, jsonBlob, mediaTypes } from './oci-image.ts';

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

/** Names of a directory; empty when there is none. */
export async function namesIn(directory: string): Promise<string[]> {
  return await readdir(directory).catch((): string[] => []);
}
