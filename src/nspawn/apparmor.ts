import { SdmeError } from '../base/errors.ts';
import { strictApparmorProfile, unconfined } from '../security/index.ts';
import { readTextFile } from '../system/fs/replace-file.ts';

const profilesFile = '/sys/kernel/security/apparmor/profiles';
const wayOut = `make the container with --apparmor-profile ${unconfined} to run it without a profile`;

/** The names in the kernel's list of loaded profiles, lines such as `sdme-default (enforce)`. */
export function loadedProfiles(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.replace(/ \([a-z]+\)$/, ''));
}

/**
 * Why a container with this profile cannot start; undefined when it can. `profiles`: the kernel's list, undefined
 * where the kernel has no AppArmor. `unconfined` is no profile that is loaded: it starts anywhere, and nowhere is it
 * in force.
 */
export function profileProblem(profile: string, profiles: string | undefined): string | undefined {
  if (profile === unconfined) return undefined;
  if (profiles === undefined) return `AppArmor is not available on this system; ${wayOut}`;
  if (loadedProfiles(profiles).includes(profile)) return undefined;
  const load =
    profile === strictApparmorProfile
      ? "load it with 'sdme config apparmor-profile --install'"
      : 'load it with apparmor_parser(8)';
  return `AppArmor profile '${profile}' is not loaded; ${load}, or ${wayOut}`;
}

/**
 * Refuses to start with a profile that the kernel has not loaded (contract 3.2).
 * @throws SdmeError `system.unsupported`, with the way out
 */
export async function requireApparmorProfile(profile: string): Promise<void> {
  const problem = profileProblem(profile, await readTextFile(profilesFile));
  if (problem !== undefined) throw new SdmeError('system.unsupported', problem);
}
