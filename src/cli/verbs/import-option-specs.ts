import type { OptionSpec } from '../verb.ts';

/** Flags of an import that may also be the default of every line of a batch. */
export const importOptionSpecs: readonly OptionSpec[] = [
  { flags: '-f, --force', description: 'replace a rootfs of that name, and accept one that lacks systemd' },
  {
    flags: '--install-packages <when>',
    description: 'install systemd and D-Bus when missing',
    choices: ['auto', 'yes', 'no'],
  },
  {
    flags: '--oci-mode <mode>',
    description: 'take an image as an operating system or an application',
    choices: ['auto', 'base', 'app'],
  },
  {
    flags: '--base-fs <rootfs>',
    description: 'the rootfs an OCI application is put on',
    completes: 'rootfs',
  },
  { flags: '--no-cache', description: 'fetch everything anew and keep nothing' },
  { flags: '--platform <platform>', description: 'of a multi-platform image, e.g. linux/arm64' },
];
