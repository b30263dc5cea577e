import type { Capability } from '../base/capabilities.ts';

/** What a container of Docker keeps when nobody asks for more or less (Docker's manual, "Linux capabilities"). */
export const dockerCapabilities: readonly Capability[] = [
  'CAP_AUDIT_WRITE',
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_MKNOD',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_RAW',
  'CAP_SETFCAP',
  'CAP_SETGID',
  'CAP_SETPCAP',
  'CAP_SETUID',
  'CAP_SYS_CHROOT',
];

/**
 * How Docker confines a container when nobody asks for anything, by mechanism: a daemon as installed, with cgroup v2.
 * New privileges are not refused there unless `--security-opt no-new-privileges` asks for it.
 */
export const dockerDefault = {
  user: 'no',
  pid: 'own',
  ipc: 'own',
  uts: 'own',
  mnt: 'own',
  cgroup: 'own',
  net: 'own: bridge',
  noNewPrivileges: 'no',
  capabilities: `${dockerCapabilities.length}`,
  systemCallFilter: 'yes',
  apparmor: 'docker-default',
  readOnlyRoot: 'no',
  kernelSettings: 'read-only',
} as const;
