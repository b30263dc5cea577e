import { open, readdir, rm } from 'node:fs/promises';
import { SdmeError } from '../base/errors.ts';
import { nameProblem } from '../base/names.ts';
import type { Layout } from '../base/paths.ts';
import { errnoOf } from '../system/failure.ts';
import { readTextFile, replaceFile } from '../system/fs/replace-file.ts';
import { type ContainerRecord, formatRecord, parseRecord } from './record.ts';

/** The names of all containers, sorted; also of those whose record cannot be read. */
export async function listContainerNames(layout: Layout): Promise<string[]> {
  try {
    const files = await readdir(layout.stateDir);
    return files.filter((name) => nameProblem(name) === undefined).sort();
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return [];
    throw new SdmeError('io', `cannot read ${layout.stateDir}`, { cause });
  }
}

/**
 * A container's record; undefined when there is no such container.
 * @throws SdmeError `input.invalid` naming the file; `io`
 */
export async function findRecord(layout: Layout, name: string): Promise<ContainerRecord | undefined> {
  const path = layout.stateFile(name);
  const text = await readTextFile(path);
  // An empty file is a claim: a container that is being made, or whose making was interrupted.
  if (text === undefined || text === '') return undefined;
  try {
    return parseRecord(text);
  } catch (cause) {
    throw new SdmeError('input.invalid', `the state file ${path} is damaged`, { cause });
  }
}

/** A container's record. @throws SdmeError `not-found`, `input.invalid` naming the file, `io` */
export async function readRecord(layout: Layout, name: string): Promise<ContainerRecord> {
  const record = await findRecord(layout, name);
  if (record === undefined) throw new SdmeError('not-found', `container does not exist: ${name}`);
  return record;
}

/** Writes a container's record whole (contract 2.1). @throws SdmeError `disk.full`, `io` */
export async function writeRecord(layout: Layout, record: ContainerRecord): Promise<void> {
  await replaceFile(layout.stateFile(record.NAME), formatRecord(record), 0o600);
}

/** What the state file of a name says about it. */
export type Claim = 'free' | 'claimed' | 'container';

/** `claimed`: somebody began to make a container of this name and did not finish. */
export async function lookAtClaim(layout: Layout, name: string): Promise<Claim> {
  const text = await readTextFile(layout.stateFile(name));
  if (text === undefined) return 'free';
  return text === '' ? 'claimed' : 'container';
}

/** Takes a name, by an empty state file that only one can make (contract 1.4). @throws SdmeError `exists`, `io` */
export async function claimName(layout: Layout, name: string): Promise<void> {
  const path = layout.stateFile(name);
  try {
    await using file = await open(path, 'wx', 0o600);
    await file.sync();
  } catch (cause) {
    if (errnoOf(cause) === 'EEXIST') {
      throw new SdmeError('exists', `state file already exists for: ${name}`, { facts: { container: name } });
    }
    throw new SdmeError('io', `cannot write ${path}`, { cause });
  }
}

/** Gives a name back. */
export async function removeState(layout: Layout, name: string): Promise<void> {
  try {
    await rm(layout.stateFile(name), { force: true });
  } catch (cause) {
    throw new SdmeError('io', `cannot remove ${layout.stateFile(name)}`, { cause });
  }
}
