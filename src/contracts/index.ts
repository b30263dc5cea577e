import type { Contract } from './contract.ts';
import { fsCacheClean } from './fs-cache-clean.ts';
import { fsGc } from './fs-gc.ts';
import { fsImport } from './fs-import.ts';
import { fsRm } from './fs-rm.ts';
import { hostPing } from './host-ping.ts';

/** Every kind of job, by its name: what producers may submit and workers must handle. */
export const contracts = {
  'host.ping': hostPing,
  'fs.import': fsImport,
  'fs.rm': fsRm,
  'fs.gc': fsGc,
  'fs.cache.clean': fsCacheClean,
} as const;

export type Contracts = typeof contracts;
/** The name of a kind of job. */
export type JobKind = keyof Contracts;
/** The parsed input of a kind. */
export type InputOf<Kind extends JobKind> =
  Contracts[Kind] extends Contract<string, infer Input, unknown> ? Input : never;
/** The result of a kind. */
export type ResultOf<Kind extends JobKind> =
  Contracts[Kind] extends Contract<string, never, infer Result> ? Result : never;

/** True for the name of a kind of job; own keys only. */
export function isJobKind(text: string): text is JobKind {
  return Object.hasOwn(contracts, text);
}

export * from './contract.ts';
export type { FsImportInput, FsImportResult } from './fs-import.ts';
export * from './job.ts';
export * from './rootfs-source.ts';
