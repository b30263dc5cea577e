/**
 * Attributes that belong to the machine or mount a tree was on, and mean nothing or harm elsewhere: labels and
 * measurements of security modules, and overlayfs's own marks (unpack-cases D11, D12).
 */
const dropped = ['security.selinux', 'security.ima', 'security.evm', 'system.nfs4_acl'];
const droppedPrefixes = ['trusted.overlay.', 'user.overlay.'];

/** Whether a copied file keeps an extended attribute, e.g. `security.capability`. */
export function keepsXattr(name: string): boolean {
  return !dropped.includes(name) && !droppedPrefixes.some((prefix) => name.startsWith(prefix));
}
