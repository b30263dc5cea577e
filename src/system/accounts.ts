import { findProgram } from './exec/find-program.ts';
import { run } from './exec/run.ts';
import { readTextFile } from './fs/replace-file.ts';

/** Ids of the host from `base` on, `size` of them, and whose they are. */
export interface AccountIds {
  readonly base: number;
  readonly size: number;
  readonly by: string;
}

function numberIn(field: string | undefined): number | undefined {
  return field !== undefined && /^[0-9]{1,10}$/.test(field) ? Number(field) : undefined;
}

/** The ids that a file like /etc/passwd or /etc/group lists (passwd(5), group(5)). */
export function parseAccounts(text: string): AccountIds[] {
  return text.split('\n').flatMap((line): AccountIds[] => {
    const [by, , id] = line.split(':');
    const base = numberIn(id);
    return by === undefined || base === undefined ? [] : [{ base, size: 1, by }];
  });
}

/**
 * The ids that a file like /etc/subuid gives to users for namespaces of their own (subuid(5)). What root has there is
 * a note of other programs for themselves, often half of all ids, and gives nobody a power over them.
 */
export function parseSubordinateIds(text: string): AccountIds[] {
  return text.split('\n').flatMap((line): AccountIds[] => {
    const [by, first, count] = line.split(':');
    const base = numberIn(first);
    const size = numberIn(count);
    if (by === undefined || base === undefined || size === undefined) return [];
    return by === 'root' || by === '0' ? [] : [{ base, size, by }];
  });
}

/** The ids that users and groups of this machine have, and those given to its users. @throws SdmeError `io` */
export async function localAccountIds(): Promise<AccountIds[]> {
  const read = async (path: string): Promise<string> => (await readTextFile(path)) ?? '';
  return [
    ...parseAccounts(await read('/etc/passwd')),
    ...parseAccounts(await read('/etc/group')),
    ...parseSubordinateIds(await read('/etc/subuid')),
    ...parseSubordinateIds(await read('/etc/subgid')),
  ];
}

/** A directory server that does not answer must not keep a job for ever. */
const lookupMs = 60_000;

/**
 * The first user or group that has one of these ids, whatever source of nsswitch.conf(5) knows it; undefined when
 * there is none. @throws SdmeError `system.unsupported`, `process.failed`; the signal's reason
 */
export async function findAccount(
  ids: readonly number[],
  { signal }: { readonly signal: AbortSignal },
): Promise<string | undefined> {
  const getent = await findProgram('getent');
  for (const database of ['passwd', 'group']) {
    // getent(1): 2 says that not all were found.
    const options = { signal, timeoutMs: lookupMs, accept: [0, 2] };
    const { stdout } = await run(getent, [database, ...ids.map(String)], options);
    const [name] = stdout.split(':');
    if (name !== undefined && name !== '') return name;
  }
  return undefined;
}
