/**
 * The capabilities in the bounding set of an OCI application's unit (security model, Part 2), alphabetical: Docker's
 * 14 and CAP_SYS_ADMIN, which the program that isolates the application needs and drops before it starts it.
 */
export const workloadCapabilities = [
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
  'CAP_SYS_ADMIN',
  'CAP_SYS_CHROOT',
] as const;
