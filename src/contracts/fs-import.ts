import { z } from 'zod';
import { defineContract, type LockRequest, networkRetry } from './contract.ts';
import { objectName } from './object-name.ts';
import { sourceProblem } from './rootfs-source.ts';

/** What a source turned out to be. `archive` is an OCI or docker-save tar. */
export const sourceKinds = ['registry', 'layout', 'archive', 'tarball', 'directory'] as const;

const source = z
  .string()
  .min(1, 'source cannot be empty')
  .max(4096)
  .check(({ value, issues }) => {
    const message = sourceProblem(value);
    if (message !== undefined) issues.push({ code: 'custom', message, input: value });
  });

const input = z
  .strictObject({
    /** URL, registry reference or absolute path; see `absoluteSource`. */
    source,
    /** The rootfs to make; producers infer it with `inferRootfsName` when the person gave none. */
    name: objectName,
    /** Replaces a rootfs of that name, and imports what lacks systemd or D-Bus. */
    force: z.boolean().default(false),
    ociMode: z.enum(['auto', 'base', 'app']).default('auto'),
    /** The rootfs an OCI application is put on. */
    baseFs: objectName.optional(),
    /** Fetches manifests and blobs anew, and keeps none. */
    noCache: z.boolean().default(false),
    /** What to do when systemd or D-Bus is missing; `yes` also when a person was asked first and agreed. */
    installPackages: z.enum(['auto', 'yes', 'no']).default('auto'),
    /** Of an image index, e.g. `linux/arm64`; default: this machine's. */
    platform: z
      .string()
      .regex(/^linux\/[a-z0-9]+(\/[a-z0-9.]+)?$/, 'a platform is written like linux/amd64')
      .optional(),
  })
  .refine((value) => value.baseFs !== value.name, {
    path: ['baseFs'],
    message: 'must differ from the name of the rootfs to make',
  });

const bytes = z.number().int().nonnegative();

/** Parsed input of `fs.import`. */
export type FsImportInput = z.output<typeof input>;

const result = z.strictObject({
  name: objectName,
  path: z.string(),
  kind: z.enum(sourceKinds),
  /** How the image was classified; absent when the source is no image. */
  image: z.enum(['base', 'app']).optional(),
  /** The reference in full form, for registry sources. */
  reference: z.string().optional(),
  manifestDigest: z.string().optional(),
  /** Unpacked bytes of file content, and entries (files, directories, links …) written. */
  bytes,
  entries: z.number().int().nonnegative(),
  /** Where compressed bytes came from: a download of another job, the blob cache, the source itself. */
  sharedBytes: bytes,
  cachedBytes: bytes,
  fetchedBytes: bytes,
});

/** Result of `fs.import`. */
export type FsImportResult = z.output<typeof result>;

function locks({ name, baseFs }: FsImportInput): readonly LockRequest[] {
  const own: LockRequest = { kind: 'fs', name, mode: 'exclusive' };
  return baseFs === undefined ? [own] : [own, { kind: 'fs', name: baseFs, mode: 'shared' }];
}

/** Makes a rootfs of an image, a tarball or a directory (contract 1.9, 6). */
export const fsImport = defineContract({
  kind: 'fs.import',
  summary: 'import a root filesystem from an image, a tarball, a directory or a URL',
  queue: 'bulk',
  input,
  result,
  locks,
  retry: networkRetry,
  subject: ({ name }) => name,
});
