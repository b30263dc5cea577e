import { readFile, rename, rm, stat } from 'node:fs/promises';
import { SdmeError } from '../../base/errors.ts';
import { formatKeyValues, parseKeyValues } from '../../base/key-values.ts';
import type { Layout } from '../../base/paths.ts';
import { type FsImportResult, fsImport } from '../../contracts/fs-import.ts';
import { errnoOf } from '../../system/failure.ts';
import { replaceFile } from '../../system/fs/replace-file.ts';
import { syncDirectory } from '../../system/rename.ts';

/**
 * The import's own lines in `fs/.NAME.meta`: the job, the inode number of the tree it made and its result. A
 * rename keeps the inode number, so a tree with that number in its final place was committed by that job, and
 * a job that is delivered again after a crash finds its work done.
 */
const jobKey = 'IMPORT_JOB';
const treeKey = 'IMPORT_TREE';
const resultKey = 'IMPORT_RESULT';
/** Says whether an environment file belongs to these lines. */
const environmentKey = 'IMPORT_ENVIRONMENT';

/** Where an import that replaces a rootfs keeps its records until the trees are swapped. */
const stagedPath = (path: string): string => `${path}.next`;

/** What is kept beside a rootfs. */
export interface ImportRecords {
  readonly meta: ReadonlyMap<string, string>;
  /** Text of the environment file; undefined when the source is no image. */
  readonly environment: string | undefined;
}

async function readMeta(path: string): Promise<Map<string, string> | undefined> {
  try {
    return parseKeyValues(await readFile(path, 'utf8'));
  } catch {
    // Missing or damaged: nothing can be told from it, and the import that asks writes it anew.
    return undefined;
  }
}

async function inodeOf(path: string): Promise<string | undefined> {
  try {
    return String((await stat(path, { bigint: true })).ino);
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return undefined;
    throw new SdmeError('io', `cannot look at ${path}`, { cause });
  }
}

/** The result of this very job, when an earlier attempt got as far as the commit. */
export async function committedResult(
  layout: Layout,
  name: string,
  jobId: string,
): Promise<FsImportResult | undefined> {
  await settleRecords(layout, name);
  const meta = await readMeta(layout.rootfsMetaFile(name));
  if (meta?.get(jobKey) !== jobId) return undefined;
  if (meta.get(treeKey) !== (await inodeOf(layout.rootfsDir(name)))) return undefined;
  return parseResult(meta.get(resultKey) ?? '');
}

function parseResult(text: string): FsImportResult | undefined {
  try {
    return fsImport.result.parse(JSON.parse(text));
  } catch {
    // Damaged, as above.
    return undefined;
  }
}

/**
 * Writes `.NAME.meta` and `.NAME.env` of the tree in its staging directory `tree`. Called right before the commit, so
 * that no rootfs is ever without its records. `replacing` keeps them beside those of the rootfs that is still there
 * until {@link settleRecords}.
 */
export async function writeRecords(
  layout: Layout,
  tree: string,
  jobId: string,
  result: FsImportResult,
  records: ImportRecords,
  replacing: boolean,
): Promise<void> {
  const inode = await inodeOf(tree);
  if (inode === undefined) throw new SdmeError('internal', `the staging directory ${tree} vanished`);
  const meta = new Map(records.meta)
    .set(jobKey, jobId)
    .set(treeKey, inode)
    .set(environmentKey, records.environment === undefined ? 'no' : 'yes')
    .set(resultKey, JSON.stringify(result));
  const place = replacing ? stagedPath : (path: string): string => path;
  const environmentFile = place(layout.rootfsEnvFile(result.name));
  if (records.environment === undefined) await rm(environmentFile, { force: true });
  else await replaceFile(environmentFile, records.environment, 0o600);
  await replaceFile(place(layout.rootfsMetaFile(result.name)), formatKeyValues(meta), 0o600);
}

/**
 * Puts the records of a replacing import into their place when its tree is in its own, and removes them when it is
 * not. May be called at any time under the lock of the name, also after a crash in the middle of it.
 */
export async function settleRecords(layout: Layout, name: string): Promise<void> {
  const [meta, environment] = [layout.rootfsMetaFile(name), layout.rootfsEnvFile(name)];
  const staged = await readMeta(stagedPath(meta));
  if (staged === undefined || staged.get(treeKey) !== (await inodeOf(layout.rootfsDir(name)))) {
    await rm(stagedPath(environment), { force: true });
    await rm(stagedPath(meta), { force: true });
    return;
  }
  if (staged.get(environmentKey) === 'no') await rm(environment, { force: true });
  else await renameIfThere(stagedPath(environment), environment);
  await rename(stagedPath(meta), meta);
  await syncDirectory(layout.fsDir);
}

async function renameIfThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (cause) {
    if (errnoOf(cause) !== 'ENOENT') throw new SdmeError('io', `cannot rename ${from}`, { cause });
  }
}

/** Removes what is kept beside a rootfs. */
export async function removeRecords(layout: Layout, name: string): Promise<void> {
  for (const path of [layout.rootfsMetaFile(name), layout.rootfsEnvFile(name)]) {
    await rm(path, { force: true });
    await rm(stagedPath(path), { force: true });
  }
}
