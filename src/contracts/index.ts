import type { z } from 'zod';
import { containerCreate } from './container-create.ts';
import { containerDisable, containerEnable } from './container-enable.ts';
import { containerRestart } from './container-restart.ts';
import { containerRm } from './container-rm.ts';
import { containerSet } from './container-set.ts';
import { containerStart } from './container-start.ts';
import { containerStop } from './container-stop.ts';
import type { Contract } from './contract.ts';
import { fsCacheClean } from './fs-cache-clean.ts';
import { fsGc } from './fs-gc.ts';
import { fsImport } from './fs-import.ts';
import { fsRm } from './fs-rm.ts';
import { hostApparmorInstall } from './host-apparmor-install.ts';
import { hostPing } from './host-ping.ts';
import { uidPreshift } from './uid-preshift.ts';

/** Every kind of job, by its name: what producers may submit and workers must handle. */
export const contracts = {
  'host.ping': hostPing,
  'host.apparmor.install': hostApparmorInstall,
  'fs.import': fsImport,
  'fs.rm': fsRm,
  'fs.gc': fsGc,
  'fs.cache.clean': fsCacheClean,
  'container.create': containerCreate,
  'container.start': containerStart,
  'container.stop': containerStop,
  'container.restart': containerRestart,
  'container.rm': containerRm,
  'container.set': containerSet,
  'container.enable': containerEnable,
  'container.disable': containerDisable,
  'uid.preshift': uidPreshift,
} as const;

export type Contracts = typeof contracts;
/** The name of a kind of job. */
export type JobKind = keyof Contracts;
/** The input of a kind as producers give it: what has a default may be left out. */
export type ArgumentsOf<Kind extends JobKind> = z.input<Contracts[Kind]['input']>;
/** The parsed input of a kind, as handlers get it. */
export type InputOf<Kind extends JobKind> =
  Contracts[Kind] extends Contract<string, infer Input, unknown> ? Input : never;
/** The result of a kind. */
export type ResultOf<Kind extends JobKind> =
  Contracts[Kind] extends Contract<string, infer _Input, infer Result> ? Result : never;

/** True for the name of a kind of job; own keys only. */
export function isJobKind(text: string): text is JobKind {
  return Object.hasOwn(contracts, text);
}

export { runChild } from './child.ts';
export type { ContainerCreateInput } from './container-create.ts';
export * from './container-options.ts';
export type { ContainerRestartInput } from './container-restart.ts';
export type { ContainerSetInput } from './container-set.ts';
export type { ContainerStartInput, ContainerStartResult } from './container-start.ts';
export {
  type ContainerStopInput,
  type ContainerStopResult,
  type StopMode,
  stopModes,
} from './container-stop.ts';
export * from './contract.ts';
export type { FsImportInput, FsImportResult } from './fs-import.ts';
export * from './job.ts';
export * from './job-states.ts';
export * from './rootfs-source.ts';
