import { pathExists } from './fs/path-exists.ts';

/** Whether the host has a bridge of this name, which must be a valid name of an interface. */
export function isBridge(name: string): Promise<boolean> {
  return pathExists(`/sys/class/net/${name}/bridge`);
}
