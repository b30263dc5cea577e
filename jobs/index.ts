import { handleContainerCreate } from './container-create.ts';
import { handleContainerDisable, handleContainerEnable } from './container-enable.ts';
import { handleContainerRestart } from './container-restart.ts';
import { handleContainerRm } from './container-rm.ts';
import { handleContainerSet } from './container-set.ts';
import { handleContainerStart } from './container-start.ts';
import { handleContainerStop } from './container-stop.ts';
import type { Handlers } from './deps.ts';
import { handleFsCacheClean } from './fs-cache-clean.ts';
import { handleFsGc } from './fs-gc.ts';
import { handleFsImport } from './fs-import.ts';
import { handleFsRm } from './fs-rm.ts';
import { handleHostApparmorInstall } from './host-apparmor-install.ts';
import { handleHostPing } from './host-ping.ts';
import { handleUidPreshift } from './uid-preshift.ts';

/** Every kind's handler. */
export const handlers: Handlers = {
  'host.ping': handleHostPing,
  'host.apparmor.install': handleHostApparmorInstall,
  'fs.import': handleFsImport,
  'fs.rm': handleFsRm,
  'fs.gc': handleFsGc,
  'fs.cache.clean': handleFsCacheClean,
  'container.create': handleContainerCreate,
  'container.start': handleContainerStart,
  'container.stop': handleContainerStop,
  'container.restart': handleContainerRestart,
  'container.rm': handleContainerRm,
  'container.set': handleContainerSet,
  'container.enable': handleContainerEnable,
  'container.disable': handleContainerDisable,
  'uid.preshift': handleUidPreshift,
};

export type { Handler, Handlers, JobDeps } from './deps.ts';
