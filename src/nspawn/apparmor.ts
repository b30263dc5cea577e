import { SdmeError } from '../base/errors.ts';
import { readTextFile } from '../system/fs/replace-file.ts';

const profilesFile = '/sys/kernel/security/apparmor/profiles';

/** The names in the kernel's list of loaded profiles, lines such as `sdme-default (enforce)`. */
export function loadedProfiles(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.replace(/ \([a-z]+\)$/, ''));
}

/** Refuses to start with a profile that the kernel has not loaded (contract 3.2). @throws SdmeError `system.unsupported` */
export async function requireApparmorProfile(profile: string): Promise<void> {
  const text = await readTextFile(profilesFile);
  if (text === undefined) {
    throw new SdmeError('system.unsupported', 'AppArmor is not available on this system');
  }
  if (!loadedProfiles(text).includes(profile)) {
    throw new SdmeError('system.unsupported', `AppArmor profile '${profile}' is not loaded`);
  }
}
