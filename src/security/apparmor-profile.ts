import { strictApparmorProfile } from './tiers.ts';

/** What AppArmor keeps a container from although root in it may try (contract 3.10): one `deny` rule each. */
const denied: readonly string[] = [
  '/proc/sys/kernel/{modprobe,core_pattern,hostname,domainname,shmmax} w',
  '/proc/sysrq-trigger w',
  '/proc/kcore r',
  '/dev/{sd*,nvme*,vd*,loop*,mem,kmem,port} rw',
  '/lib/modules/** w',
  '/usr/lib/modules/** w',
];

/** Kinds of operation that a full systemd needs, each allowed whole; `file` runs programs within the same profile. */
const allowed: readonly string[] = [
  'file',
  'mount',
  'umount',
  'pivot_root',
  'signal',
  'ptrace',
  'unix',
  'network',
  'dbus',
  'userns',
  'mqueue',
  'capability',
];

/**
 * The text of the AppArmor profile `sdme-default` (apparmor.d(5)), which the strict tier runs nspawn and all of the
 * container in. Needs apparmor_parser 4.0, for its ABI and `userns`; hosts with systemd 255 have that one.
 */
export const apparmorProfileText: string = [
  '# Written by `sdme config apparmor-profile --install`, which replaces it whole. For rules of your own copy it to',
  '# another name and use `--apparmor-profile NAME`.',
  'abi <abi/4.0>,',
  'include <tunables/global>',
  '',
  `profile ${strictApparmorProfile} flags=(attach_disconnected,mediate_deleted) {`,
  '  include <abstractions/base>',
  '  include <abstractions/nameservice>',
  '',
  ...allowed.map((rule) => `  ${rule},`),
  '',
  ...denied.map((rule) => `  deny ${rule},`),
  '}',
  '',
].join('\n');
