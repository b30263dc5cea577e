import { SdmeError } from '../base/errors.ts';

/** The ids a workload runs with. */
export interface WorkloadUser {
  readonly uid: number;
  readonly gid: number;
}

/** Texts of the image's own `/etc/passwd` and `/etc/group`, asked for only when a name or id needs them. */
export interface AccountFiles {
  readonly passwd: () => string;
  readonly group: () => string;
}

/** The last id is "no id" to the kernel (chown(2)), and numbers beyond would wrap to others: root's, at worst. */
const maxId = 4_294_967_294;

/** An id in its one decimal form; undefined for any other text, also `00` and `0x0`. */
function parseId(text: string): number | undefined {
  if (!/^(0|[1-9][0-9]{0,9})$/.test(text)) return undefined;
  const id = Number(text);
  return id <= maxId ? id : undefined;
}

interface PasswdEntry extends WorkloadUser {
  readonly name: string;
}

/** Entries of passwd(5); lines that are not whole are passed over. */
function passwdEntries(text: string): PasswdEntry[] {
  return text.split('\n').flatMap((line) => {
    const [name = '', , uidText = '', gidText = ''] = line.split(':');
    const [uid, gid] = [parseId(uidText), parseId(gidText)];
    return name === '' || uid === undefined || gid === undefined ? [] : [{ name, uid, gid }];
  });
}

function groupId(wanted: string, files: AccountFiles): number {
  if (/^[0-9]+$/.test(wanted)) {
    const id = parseId(wanted);
    if (id === undefined) throw new SdmeError('input.invalid', `OCI group '${wanted}' is not a valid id`);
    return id;
  }
  for (const line of files.group().split('\n')) {
    const [name, , gidText = ''] = line.split(':');
    const gid = parseId(gidText);
    if (name === wanted && gid !== undefined) return gid;
  }
  throw new SdmeError('input.invalid', `OCI group '${wanted}' not found`);
}

function userOf(wanted: string, files: AccountFiles): WorkloadUser {
  if (wanted === 'root' || wanted === '0') return { uid: 0, gid: 0 };
  if (/^[0-9]+$/.test(wanted)) {
    const uid = parseId(wanted);
    if (uid === undefined) throw new SdmeError('input.invalid', `OCI User '${wanted}' is not a valid id`);
    return passwdEntries(files.passwd()).find((entry) => entry.uid === uid) ?? { uid, gid: uid };
  }
  const entry = passwdEntries(files.passwd()).find(({ name }) => name === wanted);
  if (entry === undefined) throw new SdmeError('input.invalid', `OCI User '${wanted}' not found`);
  return entry;
}

/**
 * The ids that an image's `User` stands for (OCI config.md; contract 3.5): empty, `root` and `0` are root; a name
 * is looked up; digits are an id, never a name, with the group of passwd or else the same number; `user:group`
 * sets the group. Half a pair is refused rather than guessed.
 *
 * @throws SdmeError `input.invalid`
 */
export function resolveUser(user: string, files: AccountFiles): WorkloadUser {
  if (user === '') return { uid: 0, gid: 0 };
  const [name = '', group, ...more] = user.split(':');
  if (name === '' || group === '' || more.length > 0) {
    throw new SdmeError('input.invalid', `OCI User '${user}' is not of the form user[:group]`);
  }
  const { uid, gid } = userOf(name, files);
  return { uid, gid: group === undefined ? gid : groupId(group, files) };
}
