import { arch as nodeArchitecture } from 'node:os';
import { SdmeError } from '../base/errors.ts';

/** The platform images are chosen for. */
export interface Platform {
  readonly os: 'linux';
  /** OCI (Go) name, e.g. `amd64`. */
  readonly architecture: string;
  /** Variants that run here, best first; `''` is an image that names none. */
  readonly variants: readonly string[];
}

const architectures: Readonly<Record<string, string>> = {
  x64: 'amd64',
  arm64: 'arm64',
  arm: 'arm',
  ia32: '386',
  ppc64: 'ppc64le',
  s390x: 's390x',
  riscv64: 'riscv64',
  loong64: 'loong64',
};

/**
 * Variants by architecture. For amd64 the baseline comes first, as a rootfs may move to an older machine; newer
 * levels are taken only when an image offers nothing else.
 */
const variants: Readonly<Record<string, readonly string[]>> = {
  amd64: ['', 'v1', 'v2', 'v3'],
  arm64: ['v8', ''],
  arm: ['v7', 'v6', 'v5', ''],
};

/** The platform of an architecture as Node.js names it (`process.arch`); default: this machine's. */
export function hostPlatform(architecture: string = nodeArchitecture()): Platform {
  const name = architectures[architecture] ?? architecture;
  return { os: 'linux', architecture: name, variants: variants[name] ?? [''] };
}

/** What an index entry says about its platform. */
export interface OfferedPlatform {
  readonly os: string;
  readonly architecture: string;
  readonly variant: string;
}

/** How well an offer suits: 0 is best; undefined when it does not run here. */
export function platformRank(offer: OfferedPlatform, wanted: Platform): number | undefined {
  if (offer.os !== wanted.os || offer.architecture !== wanted.architecture) return undefined;
  const rank = wanted.variants.indexOf(offer.variant);
  return rank < 0 ? undefined : rank;
}

/** `linux/arm/v7`, as people write it. */
export function formatPlatform(offer: OfferedPlatform): string {
  return [offer.os, offer.architecture, offer.variant].filter((part) => part !== '').join('/');
}

/** The platform that `linux/arch[/variant]` asks for. @throws SdmeError `input.invalid` */
export function parsePlatform(text: string): Platform {
  const match = /^linux\/([a-z0-9]+)(?:\/([a-z0-9.]+))?$/.exec(text);
  const architecture = match?.[1];
  if (architecture === undefined) throw new SdmeError('input.invalid', `'${text}' is not like linux/amd64`);
  const variant = match?.[2];
  return {
    os: 'linux',
    architecture,
    variants: variant === undefined ? (variants[architecture] ?? ['']) : [variant],
  };
}
