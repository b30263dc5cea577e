import { readFile, rm, stat } from 'node:fs/promises';
import { z } from 'zod';
import { SdmeError } from '../../base/errors.ts';
import { formatKeyValues, parseKeyValues } from '../../base/key-values.ts';
import type { Layout } from '../../base/paths.ts';
import { type FsImportResult, fsImport } from '../../contracts/fs-import.ts';
import { errnoOf } from '../../system/failure.ts';
import { replaceFile } from '../../system/fs/replace-file.ts';

/**
 * The import's own lines in `fs/.NAME.meta`: the job, the inode number of the tree it made and its result. A
 * rename keeps the inode number, so a tree with that number in its final place was committed by that job, and
 * a job that is delivered again after a crash finds its work done.
 */
const jobKey = 'IMPORT_JOB';
const treeKey = 'IMPORT_TREE';
const resultKey = 'IMPORT_RESULT';

/** What is kept beside a rootfs. */
export interface ImportRecords {
  readonly meta: ReadonlyMap<string, string>;
  /** Text of the environment file; undefined when the source is no image. */
  readonly environment: string | undefined;
}

async function readMeta(layout: Layout, name: string): Promise<Map<string, string> | undefined> {
  try {
    return parseKeyValues(await readFile(layout.rootfsMetaFile(name), 'utf8'));
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
  const meta = await readMeta(layout, name);
  if (meta?.get(jobKey) !== jobId) return undefined;
  if (meta.get(treeKey) !== (await inodeOf(layout.rootfsDir(name)))) return undefined;
  const parsed = z
    .string()
    .transform((text): unknown => JSON.parse(text))
    .pipe(fsImport.result)
    .safeParse(meta.get(resultKey));
  return parsed.success ? parsed.data : undefined;
}

/**
 * Writes `.NAME.meta` and `.NAME.env`. Called with the tree still in its staging directory `tree`, right before
 * the commit, so that no rootfs is ever without its records.
 */
export async function writeRecords(
  layout: Layout,
  tree: string,
  jobId: string,
  result: FsImportResult,
  records: ImportRecords,
): Promise<void> {
  const inode = await inodeOf(tree);
  if (inode === undefined) throw new SdmeError('internal', `the staging directory ${tree} vanished`);
  const meta = new Map(records.meta)
    .set(jobKey, jobId)
    .set(treeKey, inode)
    .set(resultKey, JSON.stringify(result));
  if (records.environment === undefined) await rm(layout.rootfsEnvFile(result.name), { force: true });
  else await replaceFile(layout.rootfsEnvFile(result.name), records.environment, 0o600);
  await replaceFile(layout.rootfsMetaFile(result.name), formatKeyValues(meta), 0o600);
}

/** Removes what is kept beside a rootfs. */
export async function removeRecords(layout: Layout, name: string): Promise<void> {
  await rm(layout.rootfsMetaFile(name), { force: true });
  await rm(layout.rootfsEnvFile(name), { force: true });
}
