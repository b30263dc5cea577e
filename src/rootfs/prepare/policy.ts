import { SdmeError } from '../../base/errors.ts';
import type { DistroFamily } from '../distros.ts';

/** What a rootfs must have so that it boots and can be driven. */
export type RequiredPart = 'systemd' | 'dbus';

/** Paths of which one must be there, per part; NixOS keeps both in a profile (contract 6.4). */
export const requiredPaths: Readonly<Record<RequiredPart, readonly string[]>> = {
  systemd: [
    'usr/lib/systemd/systemd',
    'lib/systemd/systemd',
    'run/current-system/systemd/lib/systemd/systemd',
    'nix/var/nix/profiles/system/systemd/lib/systemd/systemd',
  ],
  dbus: [
    'usr/bin/dbus-daemon',
    'usr/bin/dbus-broker',
    'usr/bin/dbus-broker-launch',
    'bin/dbus-daemon',
    'run/current-system/sw/bin/dbus-daemon',
    'run/current-system/sw/bin/dbus-broker',
    'nix/var/nix/profiles/system/sw/bin/dbus-daemon',
    'nix/var/nix/profiles/system/sw/bin/dbus-broker',
  ],
};

/** The facts the policy decides on. */
export interface PreparationFacts {
  readonly missing: readonly RequiredPart[];
  readonly family: DistroFamily;
  /** Whether the family, or the settings, have commands that install the missing parts. */
  readonly hasCommands: boolean;
  readonly installPackages: 'auto' | 'yes' | 'no';
  readonly force: boolean;
}

export type PreparationDecision =
  | { readonly action: 'none' }
  | { readonly action: 'install' }
  | { readonly action: 'warn'; readonly message: string };

function incomplete(message: string, facts: { readonly missing?: string } = {}): SdmeError {
  return new SdmeError('rootfs.incomplete', message, { facts });
}

/** Whether packages are installed, done without, or the import refused (contract 6.4). @throws SdmeError `rootfs.incomplete` */
export function decidePreparation(facts: PreparationFacts): PreparationDecision {
  if (facts.missing.length === 0) return { action: 'none' };
  const what = facts.missing.join(' and ');
  const warn = { action: 'warn', message: `${what} not found in rootfs; going on because of -f` } as const;
  switch (facts.installPackages) {
    case 'yes':
      if (facts.hasCommands) return { action: 'install' };
      if (facts.force) return warn;
      throw incomplete(
        `cannot install packages: ${what} not found in rootfs and no commands are known for the distribution family '${facts.family}'; set distros.${facts.family}.import_prehook or use -f to import it as it is`,
      );
    case 'auto':
      if (facts.force) return warn;
      throw incomplete(
        `${what} not found in rootfs and running non-interactively; re-run with --install-packages=yes or -f to override`,
        { missing: what },
      );
    case 'no':
      if (facts.force) return warn;
      throw incomplete(
        `${what} not found in rootfs and --install-packages=no was given; re-run with --install-packages=yes or -f to override`,
      );
  }
}

/** The error when the commands ran and the parts are still missing. */
export function stillMissing(missing: readonly RequiredPart[]): SdmeError {
  return incomplete(
    `${missing.join(' and ')} still not found after package installation; use -f to import the rootfs as it is`,
  );
}
