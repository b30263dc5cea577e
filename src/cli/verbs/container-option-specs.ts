import type { OptionSpec } from '../verb.ts';

/** The flags that `create` and `new` share (contract 1.2). */
export const containerOptionSpecs: readonly OptionSpec[] = [
  { flags: '--name <name>', description: 'name of the container; a free word when absent' },
  {
    flags: '-r, --fs <rootfs>',
    description: 'imported rootfs; absent: a clone of this host',
    completes: 'rootfs',
  },
  { flags: '--memory <size>', description: 'memory limit, e.g. 512M' },
  { flags: '--cpus <number>', description: 'processor limit, e.g. 1.5' },
  { flags: '--cpu-weight <weight>', description: 'share of the processors under load, 1-10000' },
  { flags: '--disk <size>', description: 'disk limit (btrfs only)' },
  { flags: '--storage <backend>', description: 'overlay or auto' },
  {
    flags: '-o, --overlayfs-opaque-dirs <dirs>',
    description: 'directories of the rootfs to hide, by comma',
    repeat: true,
  },
  { flags: '--private-network', description: 'a network of its own, loopback only' },
  { flags: '--network-veth', description: 'a virtual link to the host' },
  { flags: '--network-bridge <bridge>', description: 'a link to a bridge of the host' },
  { flags: '--network-zone <zone>', description: 'a link to a zone that containers share' },
  { flags: '-p, --port <rule>', description: 'forward a port, e.g. 8080:80/tcp', repeat: true },
  {
    flags: '-b, --bind <mount>',
    description: 'show a path of the host, HOST:CONT[:ro]',
    repeat: true,
    completes: 'file',
  },
  {
    flags: '-e, --env <assignment>',
    description: 'environment of its PID 1, KEY=VALUE; other users can read it',
    repeat: true,
  },
  { flags: '-u, --userns', description: 'a user namespace: root inside is nobody outside' },
  { flags: '--userns-nested <n>', description: '65536 more users for each of n namespaces inside of it' },
  { flags: '--drop-capability <capability>', description: 'take a capability away', repeat: true },
  { flags: '--capability <capability>', description: 'keep or add a capability', repeat: true },
  { flags: '--no-new-privileges', description: 'setuid programs inside gain nothing' },
  { flags: '--read-only', description: 'a root file system that cannot be written' },
  {
    flags: '--system-call-filter <filter>',
    description: 'a system call or @group, with ~ to refuse it',
    repeat: true,
  },
  { flags: '--apparmor-profile <profile>', description: 'an AppArmor profile that is loaded' },
  {
    flags: '--hardened',
    description: 'user namespace, private network, no new privileges, fewer capabilities',
  },
  {
    flags: '--strict',
    description: 'hardened, and as few capabilities and system calls as systemd can bear',
  },
  { flags: '--systemd-log-level <level>', description: 'what systemd inside logs, e.g. debug' },
  { flags: '--no-oci-ports', description: 'do not forward the ports an OCI image names' },
  { flags: '--no-oci-volumes', description: 'do not keep the volumes an OCI image names' },
  {
    flags: '--oci-env <assignment>',
    description: 'environment of the OCI application, KEY=VALUE',
    repeat: true,
  },
  { flags: '--enable', description: 'start it when the host boots' },
  { flags: '--restart <policy>', description: 'no (default) or on-failure' },
  { flags: '--masked-services <units>', description: 'units masked inside, by comma; empty: none' },
];
