import type { Settings } from '../config/schema.ts';

/** Families of distributions that are prepared alike (contract 6.5). */
export const distroFamilies = ['debian', 'fedora', 'arch', 'suse', 'nixos', 'unknown'] as const;
export type DistroFamily = (typeof distroFamilies)[number];

const familyOfId: ReadonlyMap<string, DistroFamily> = new Map([
  ['debian', 'debian'],
  ['ubuntu', 'debian'],
  ['linuxmint', 'debian'],
  ['mint', 'debian'],
  ['raspbian', 'debian'],
  ['kali', 'debian'],
  ['fedora', 'fedora'],
  ['rhel', 'fedora'],
  ['centos', 'fedora'],
  ['almalinux', 'fedora'],
  ['rocky', 'fedora'],
  ['arch', 'arch'],
  ['archarm', 'arch'],
  ['opensuse', 'suse'],
  ['suse', 'suse'],
  ['sles', 'suse'],
  ['sled', 'suse'],
  ['nixos', 'nixos'],
]);

function familyOf(id: string): DistroFamily | undefined {
  return familyOfId.get(id) ?? (id.startsWith('opensuse') ? 'suse' : undefined);
}

/** The family of an os-release: by ID, then by the words of ID_LIKE (contract 6.5). */
export function distroFamily(osRelease: ReadonlyMap<string, string>): DistroFamily {
  const ids = [osRelease.get('ID') ?? '', ...(osRelease.get('ID_LIKE') ?? '').split(/\s+/)];
  for (const id of ids) {
    const family = familyOf(id.toLowerCase());
    if (family !== undefined) return family;
  }
  return 'unknown';
}

/** Commands a family runs at import, at export, and at export for a virtual machine. Each is one `sh -c`. */
export interface DistroCommands {
  readonly import_prehook: readonly string[];
  readonly export_prehook: readonly string[];
  readonly export_vm_prehook: readonly string[];
}

// apt gives up root for an `_apt` user that may be missing from the tree's passwd.
const apt = 'apt-get -o APT::Sandbox::User="" -y';
const restoreIdMapCapabilities = [
  'setcap cap_setuid=ep /usr/bin/newuidmap',
  'setcap cap_setgid=ep /usr/bin/newgidmap',
];
const none: DistroCommands = { import_prehook: [], export_prehook: [], export_vm_prehook: [] };

const defaults: Readonly<Record<DistroFamily, DistroCommands>> = {
  debian: {
    import_prehook: [
      `${apt} update`,
      // First and alone, so that its questions are answered by the noninteractive frontend before others ask.
      `${apt} install --no-install-recommends tzdata`,
      `${apt} install dbus systemd login`,
      // A package of its own since Debian 12 and Ubuntu 22.10; before, systemd holds it.
      `if apt-cache show systemd-resolved >/dev/null 2>&1; then ${apt} install systemd-resolved; fi`,
      `${apt} autoremove`,
      `${apt} clean`,
      'rm -rf /var/lib/apt/lists/*',
    ],
    export_prehook: [],
    export_vm_prehook: [`${apt} update`, `${apt} install udev`, `${apt} clean`],
  },
  fedora: {
    import_prehook: ['dnf install -y systemd dbus util-linux pam', 'dnf clean all'],
    export_prehook: [],
    export_vm_prehook: ['dnf install -y systemd-udevd'],
  },
  arch: {
    import_prehook: ['pacman -Sy --noconfirm systemd dbus util-linux pam', 'pacman -Scc --noconfirm'],
    export_prehook: [],
    export_vm_prehook: ['pacman -Sy --noconfirm systemd'],
  },
  suse: {
    import_prehook: [
      'zypper --non-interactive install systemd dbus-1 util-linux pam libcap-progs',
      // nspawn refuses to shift files that hold capabilities of another user namespace; export restores them.
      'setcap -r /usr/bin/newuidmap || true',
      'setcap -r /usr/bin/newgidmap || true',
      'zypper clean --all',
    ],
    export_prehook: restoreIdMapCapabilities,
    export_vm_prehook: ['zypper --non-interactive install udev', ...restoreIdMapCapabilities],
  },
  nixos: none,
  unknown: none,
};

/** The commands of a family: the built-in ones, each list replaced by the one in the settings if given. */
export function distroCommands(family: DistroFamily, settings: Pick<Settings, 'distros'>): DistroCommands {
  const own = settings.distros[family];
  return {
    import_prehook: own?.import_prehook ?? defaults[family].import_prehook,
    export_prehook: own?.export_prehook ?? defaults[family].export_prehook,
    export_vm_prehook: own?.export_vm_prehook ?? defaults[family].export_vm_prehook,
  };
}
