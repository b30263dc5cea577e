/**
 * The capabilities that package managers and maintainer scripts get: those of an ordinary container, without the
 * ones about networks. No CAP_SYS_ADMIN, so that nothing of the host can be mounted or unmounted.
 */
export const chrootCapabilities = [
  'audit_write',
  'chown',
  'dac_override',
  'fowner',
  'fsetid',
  'kill',
  'mknod',
  'net_bind_service',
  'setfcap',
  'setgid',
  'setpcap',
  'setuid',
  'sys_chroot',
] as const;

/** Nodes of /dev that are bound from the host (contract 6.4). */
const deviceNodes = ['null', 'zero', 'full', 'random', 'urandom', 'tty'] as const;

/**
 * The shell program that the first process of the new namespaces runs: `$1` is the tree, `$2` the command.
 *
 * `proc`, `sys` and `dev` of the tree are real directories (the caller sees to that), so no mount lands
 * elsewhere. The kernel's settings are read-only, as their files ask for uid 0 and not for a capability. At the
 * end the tree is moved over `/` before the chroot: so a second chroot(2) inside finds nothing outside, and
 * package managers that call chroot(2) themselves work. What follows `exec` is the tree's own shell.
 */
export function chrootScript(): string {
  const keep = chrootCapabilities.map((name) => `+${name}`).join(',');
  return `
set -eu
mount --bind -- "$1" "$1"
cd -- "$1"
mount -t proc -o nosuid,nodev,noexec proc proc
for part in sys irq bus fs; do
  if [ -d "proc/$part" ]; then
    mount --bind "proc/$part" "proc/$part"
    mount -o remount,bind,ro,nosuid,nodev,noexec "proc/$part"
  fi
done
if [ -e proc/sysrq-trigger ]; then mount --bind /dev/null proc/sysrq-trigger; fi
mount --bind /sys sys
mount --make-private sys
mount -o remount,bind,ro,nosuid,nodev,noexec sys
mount -t tmpfs -o nosuid,mode=755,size=1m tmpfs dev
for node in ${deviceNodes.join(' ')}; do
  : > "dev/$node"
  mount --bind "/dev/$node" "dev/$node"
done
ln -s /proc/self/fd dev/fd
ln -s /proc/self/fd/0 dev/stdin
ln -s /proc/self/fd/1 dev/stdout
ln -s /proc/self/fd/2 dev/stderr
ln -s /proc/kcore dev/core
mkdir dev/pts dev/shm dev/mqueue
mount -t devpts -o newinstance,nosuid,noexec,ptmxmode=0666,mode=0620,gid=5 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount -t tmpfs -o nosuid,nodev,mode=1777 tmpfs dev/shm
mount -t mqueue -o nosuid,nodev,noexec mqueue dev/mqueue
cd -- "$1"
mount --move -- "$1" /
exec setpriv --bounding-set=-all,${keep} --inh-caps=-all -- chroot . /bin/sh -c "$2"
`;
}
