/** What happens to an extended attribute of an image. */
export type XattrFate =
  | 'set'
  /** It would mean something else here: labels and signatures of another machine, marks of an overlay. */
  | 'drop'
  /** It cannot be set by us, which a note says. */
  | 'drop-with-note';

const quiet = new Set(['security.selinux', 'security.ima', 'security.evm', 'system.nfs4_acl']);
const overlay = ['trusted.overlay.', 'user.overlay.'];

/**
 * Which attributes are set: `user.*` and `security.capability`. All other `trusted.*` and `security.*` would need
 * CAP_SYS_ADMIN, which the unpacker does not have, and access control lists would change the modes of what is
 * made in a directory later (catalogue D9-D15).
 */
export function xattrFate(name: string): XattrFate {
  if (quiet.has(name) || overlay.some((prefix) => name.startsWith(prefix))) return 'drop';
  if (name === 'security.capability' || (name.startsWith('user.') && name.length > 5)) return 'set';
  return 'drop-with-note';
}
