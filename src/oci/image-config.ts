import { z } from 'zod';
import type { Digest } from '../base/digests.ts';
import { SdmeError } from '../base/errors.ts';
import { digestSchema } from './descriptors.ts';
import { parseUntrustedJson } from './json.ts';
import type { Platform } from './platforms.ts';
import { printable } from './printable.ts';

/** What an image says about how it wants to be run (OCI image spec config.md); absent fields are empty. */
export interface ImageConfig {
  readonly os: string;
  readonly architecture: string;
  readonly variant: string;
  /** Environment in order, each name once, the last value; values may have several lines. */
  readonly env: readonly (readonly [name: string, value: string])[];
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly workingDir: string;
  readonly user: string;
  /** `port[/protocol]` as written; whoever opens one checks it. */
  readonly exposedPorts: readonly string[];
  /** Paths as written; whoever makes one confines it to the root. */
  readonly volumes: readonly string[];
  readonly stopSignal: string;
  /** Digests of the unpacked layers, in order. */
  readonly diffIds: readonly Digest[];
}

const noControl = /^\P{Cc}*$/u;
/** Text that ends up in a line of a unit or state file: one line, no control characters (unpack-cases H1). */
const line = z.string().max(4096).regex(noControl, 'must be on a single line').nullish();
const word = z.string().refine((text) => !text.includes('\0'), 'must not hold NUL');
const words = z.array(word).nullish();
/** A set as Go writes it: an object whose keys count. */
const keys = z
  .custom<object>(
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
    'must be an object',
  )
  .transform((value) => Object.keys(value))
  .pipe(z.array(z.string().max(4096).regex(noControl, 'must be on a single line')))
  .nullish();

const schema = z.object({
  os: line,
  architecture: line,
  variant: line,
  config: z
    .object({
      Env: words,
      Entrypoint: words,
      Cmd: words,
      WorkingDir: line,
      User: line,
      ExposedPorts: keys,
      Volumes: keys,
      StopSignal: line,
    })
    .nullish(),
  rootfs: z.object({ type: z.string().nullish(), diff_ids: z.array(digestSchema).nullish() }).nullish(),
});

/** `NAME=value` strings as pairs; one without a name or without `=` says nothing and is passed over. */
function environment(entries: readonly string[]): [string, string][] {
  const values = new Map<string, string>();
  for (const entry of entries) {
    const equals = entry.indexOf('=');
    if (equals < 1) continue;
    const name = entry.slice(0, equals);
    values.delete(name);
    values.set(name, entry.slice(equals + 1));
  }
  return [...values];
}

/**
 * Parses an image configuration. `null` and absent fields are empty, a wrong type is an error (unpack-cases H10).
 * Nothing in it is ever applied to this process. @throws SdmeError `oci.manifest-invalid`
 */
export function parseImageConfig(bytes: Uint8Array, what: string): ImageConfig {
  const parsed = schema.safeParse(parseUntrustedJson(bytes, what));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const problem = printable(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
    throw new SdmeError('oci.manifest-invalid', `${what} is not valid: ${problem}`);
  }
  const { os, architecture, variant, config, rootfs } = parsed.data;
  return {
    os: os ?? '',
    architecture: architecture ?? '',
    variant: variant ?? '',
    env: environment(config?.Env ?? []),
    entrypoint: config?.Entrypoint ?? [],
    cmd: config?.Cmd ?? [],
    workingDir: config?.WorkingDir ?? '',
    user: config?.User ?? '',
    exposedPorts: config?.ExposedPorts ?? [],
    volumes: config?.Volumes ?? [],
    stopSignal: config?.StopSignal ?? '',
    diffIds: rootfs?.diff_ids ?? [],
  };
}

/** @throws SdmeError `oci.platform-missing` when the image is for another machine (contract 6.2) */
export function checkImagePlatform(config: ImageConfig, platform: Platform): void {
  const os = config.os === '' ? 'linux' : config.os;
  if (os !== platform.os) {
    throw new SdmeError('oci.platform-missing', `image is for '${printable(os)}', not for ${platform.os}`);
  }
  const { architecture } = config;
  if (architecture !== '' && architecture !== platform.architecture) {
    throw new SdmeError(
      'oci.platform-missing',
      `image architecture ${printable(architecture)} does not match host ${platform.architecture}`,
    );
  }
}
