import { nameProblem } from '../base/names.ts';

/** What a directory or file beside the rootfs in the store is left over from (contract 2.1). */
export interface StagingName {
  /** The rootfs it belongs to. */
  readonly rootfs: string;
  readonly operation: 'import' | 'remove' | 'build' | 'export' | 'download' | 'oci';
  /** The process that made it; undefined for names without one. */
  readonly pid: number | undefined;
}

/** The parts of a staging name such as `.debian.import-txn-1234`; undefined for anything else in the store. */
export function parseStagingName(name: string): StagingName | undefined {
  const match =
    /^\.([a-z0-9-]+)\.(?:(import|remove|build|export|download)-txn-([0-9]{1,10})|(oci)-tmp)$/.exec(name);
  const rootfs = match?.[1];
  const operation = match?.[2] ?? match?.[4];
  if (rootfs === undefined || operation === undefined || nameProblem(rootfs) !== undefined) return undefined;
  const pid = match?.[3] === undefined ? undefined : Number(match[3]);
  switch (operation) {
    case 'import':
    case 'remove':
    case 'build':
    case 'export':
    case 'download':
    case 'oci':
      return { rootfs, operation, pid };
    default:
      return undefined;
  }
}

/** The name of a staging directory or file of this operation by process `pid`. */
export function stagingName(
  rootfs: string,
  operation: 'import' | 'remove' | 'download',
  pid: number,
): string {
  return `.${rootfs}.${operation}-txn-${pid}`;
}
