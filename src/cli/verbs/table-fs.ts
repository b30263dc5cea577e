import type { VerbSpec } from '../verb.ts';
import { detachOptionSpec, listingOptionSpecs } from './common-option-specs.ts';
import { importOptionSpecs } from './import-option-specs.ts';

/** Verbs for the store of root filesystems (contract 1.9). */
export const fsVerbs: readonly VerbSpec[] = [
  {
    words: 'fs import',
    summary: 'import a root filesystem',
    details:
      'SOURCE is a registry reference with its host (docker.io/library/debian:trixie, localhost:5000/app), an\n' +
      'OCI layout directory, an OCI or docker-save archive, a rootfs tarball (gz, bz2, xz, zstd), a directory or a URL.',
    operands: '<source>',
    completes: 'file',
    options: [
      { flags: '--name <name>', description: 'name of the rootfs; inferred from the source when absent' },
      ...importOptionSpecs,
      detachOptionSpec,
    ],
    examples: [
      'sdme fs import docker.io/library/debian:trixie',
      'sdme fs import ./rootfs.tar.zst --name debian',
      'sdme fs import localhost:5000/base:1 --force --detach',
    ],
    load: () => import('./fs-import.ts'),
  },
  {
    words: 'fs ls',
    summary: 'list root filesystems',
    options: listingOptionSpecs,
    examples: ['sdme fs ls', 'sdme fs ls --json-pretty'],
    load: () => import('./fs-ls.ts'),
  },
  {
    words: 'fs rm',
    summary: 'remove root filesystems that no container uses',
    operands: '[names...]',
    completes: 'rootfs',
    options: [
      { flags: '-a, --all', description: 'all of them' },
      { flags: '-f, --force', description: 'do not ask, with --all' },
      detachOptionSpec,
    ],
    examples: ['sdme fs rm debian', 'sdme fs rm --all -f'],
    load: () => import('./fs-rm.ts'),
  },
  {
    words: 'fs gc',
    summary: 'remove what interrupted imports left',
    options: [detachOptionSpec],
    examples: ['sdme fs gc'],
    load: () => import('./fs-gc.ts'),
  },
  {
    words: 'fs cache info',
    summary: 'say what the cache of image blobs holds',
    options: listingOptionSpecs,
    examples: ['sdme fs cache info'],
    load: () => import('./fs-cache-info.ts'),
  },
  {
    words: 'fs cache ls',
    summary: 'list the cached blobs',
    options: listingOptionSpecs,
    examples: ['sdme fs cache ls'],
    load: () => import('./fs-cache-ls.ts'),
  },
  {
    words: 'fs cache clean',
    summary: 'remove cached blobs that are over the limit, or all',
    options: [{ flags: '--all', description: 'every blob that no import holds' }, detachOptionSpec],
    examples: ['sdme fs cache clean', 'sdme fs cache clean --all'],
    load: () => import('./fs-cache-clean.ts'),
  },
];
