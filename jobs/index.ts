import { absentHandler } from './absent.ts';
import type { Handlers } from './deps.ts';
import { handleFsCacheClean } from './fs-cache-clean.ts';
import { handleFsGc } from './fs-gc.ts';
import { handleFsImport } from './fs-import.ts';
import { handleFsRm } from './fs-rm.ts';
import { handleHostPing } from './host-ping.ts';

/** Every kind's handler. */
export const handlers: Handlers = {
  'host.ping': handleHostPing,
  'fs.import': handleFsImport,
  'fs.rm': handleFsRm,
  'fs.gc': handleFsGc,
  'fs.cache.clean': handleFsCacheClean,
  'container.create': absentHandler('container.create'),
  'container.start': absentHandler('container.start'),
  'container.stop': absentHandler('container.stop'),
  'container.restart': absentHandler('container.restart'),
  'container.rm': absentHandler('container.rm'),
  'container.set': absentHandler('container.set'),
  'container.enable': absentHandler('container.enable'),
  'container.disable': absentHandler('container.disable'),
};

export type { Handler, Handlers, JobDeps } from './deps.ts';
