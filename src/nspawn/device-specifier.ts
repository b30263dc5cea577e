/**
 * What `DeviceAllow=` calls a device node (systemd.resource-control(5)): its path, so that a device that gets another
 * number at the next boot is still meant, or its number where systemd does not take the path. `rdev` as stat(2) has
 * it, see makedev(3).
 */
export function deviceSpecifier(path: string, kind: 'char' | 'block', rdev: number): string {
  if (/^\/dev\/[A-Za-z0-9/._:+-]+$/.test(path)) return path;
  const number = BigInt(rdev);
  const major = ((number >> 8n) & 0xfffn) | ((number >> 32n) & ~0xfffn);
  const minor = (number & 0xffn) | ((number >> 12n) & ~0xffn);
  return `/dev/${kind}/${major}:${minor}`;
}
