import type { Settings } from '../config/schema.ts';
import { type BlobStore, openBlobStore } from './blobs/blob-store.ts';
import { openSharedDownloads } from './blobs/shared-downloads.ts';
import { defaultRetry, type RetryRules } from './http/retry.ts';
import { openTransport } from './http/transport.ts';
import { hostPlatform, type Platform } from './platforms.ts';
import { parseReference } from './references.ts';
import { openTlsContexts } from './registry/certificates.ts';
import type { Environment } from './registry/environment.ts';
import { type ArchiveOptions, openArchiveFiles } from './sources/archive-files.ts';
import { openDockerSaveSource } from './sources/docker-save-source.ts';
import type { ImageSource } from './sources/image-source.ts';
import { openLayoutDirectory } from './sources/layout-files.ts';
import { openLayoutSource } from './sources/layout-source.ts';
import { openRegistrySource } from './sources/registry-source.ts';
import type { ImageRoom, SourceOptions } from './sources/room.ts';

/** The settings that matter here. */
export type ImageSettings = Pick<
  Settings,
  | 'docker_user'
  | 'docker_token'
  | 'http_timeout'
  | 'http_body_timeout'
  | 'max_download_size'
  | 'max_unpacked_size'
  | 'oci_cache_max_size'
  | 'oci_manifest_cache_ttl'
>;

export interface ImagesOptions {
  readonly settings: ImageSettings;
  readonly cacheDir: string;
  /** Says where credentials and registry settings lie. */
  readonly environment: Environment;
  readonly platform?: Platform;
  readonly retry?: RetryRules;
}

/** Image sources of one worker: they share connections, logins, the blob cache and running downloads. */
export interface Images {
  readonly store: BlobStore;
  /** As it was given: other downloads go through its proxies too. */
  readonly environment: Environment;
  /** @throws SdmeError `oci.reference-invalid` */
  registry(reference: string, options?: SourceOptions): ImageSource;
  /** @throws SdmeError `not-found`, `io` */
  layout(path: string, options?: SourceOptions): Promise<ImageSource>;
  /**
   * An OCI archive or what `docker save` writes. `plain` gives the plain bytes of a compressed one.
   * @throws SdmeError `not-found`, `unpack.format`, `oci.limit`, `disk.full`; the signal's reason
   */
  archive(
    path: string,
    signal: AbortSignal,
    options?: SourceOptions & Pick<ArchiveOptions, 'plain'>,
  ): Promise<ImageSource>;
  /** Ends kept connections. Call it when no import runs any more. */
  close(): void;
}

/** Opens the room once for a worker. Nothing happens on disk or network yet. */
export function openImages(options: ImagesOptions): Images {
  const { settings, cacheDir, environment, retry = defaultRetry } = options;
  const silenceMs = settings.http_body_timeout * 1000;
  const store = openBlobStore(cacheDir, settings.oci_cache_max_size);
  const transport = openTransport(settings.http_timeout * 1000, environment);
  const { docker_user: user, docker_token: password } = settings;
  const room: ImageRoom = {
    cacheDir,
    store,
    downloads: openSharedDownloads({ store, silenceMs, retry }),
    registries: {
      transport,
      tlsFor: openTlsContexts(),
      authorizations: new Map(),
      environment,
      dockerLogin: user === '' || password === '' ? undefined : { kind: 'password', user, password },
      silenceMs,
    },
    platform: options.platform ?? hostPlatform(),
    manifestTtlMs: settings.oci_manifest_cache_ttl * 1000,
    maxImageSize: settings.max_download_size,
    silenceMs,
    retry,
  };
  const layoutOptions = (chosen?: SourceOptions) => ({
    platform: chosen?.platform ?? room.platform,
    maxImageSize: room.maxImageSize,
  });
  return {
    store,
    environment,
    registry: (reference, chosen) => openRegistrySource(parseReference(reference), room, chosen),
    layout: async (path, chosen) => openLayoutSource(await openLayoutDirectory(path), layoutOptions(chosen)),
    archive: async (path, signal, chosen) => {
      const limits = { cacheDir, maxSize: settings.max_unpacked_size, signal };
      const files = await openArchiveFiles(path, { ...limits, plain: chosen?.plain });
      const known = await files.read('oci-layout', 4096).catch(async (error: unknown) => {
        await files[Symbol.asyncDispose]();
        throw error;
      });
      const open = known === undefined ? openDockerSaveSource : openLayoutSource;
      return open(files, layoutOptions(chosen));
    },
    close: () => transport.close(),
  };
}
