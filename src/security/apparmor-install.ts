import type { Context } from '../base/context.ts';
import { SdmeError } from '../base/errors.ts';
import { findProgram } from '../system/exec/find-program.ts';
import { run } from '../system/exec/run.ts';
import { readTextFile, replaceFileIfChanged } from '../system/fs/replace-file.ts';
import { apparmorProfileText } from './apparmor-profile.ts';
import { strictApparmorProfile } from './tiers.ts';

/** Where AppArmor's own boot service looks for profiles. */
const profileFile = `/etc/apparmor.d/${strictApparmorProfile}`;
/** The kernel's list of loaded profiles. */
const loadedFile = '/sys/kernel/security/apparmor/profiles';

async function findParser(): Promise<string> {
  try {
    return await findProgram('apparmor_parser');
  } catch (cause) {
    throw new SdmeError(
      'system.unsupported',
      "AppArmor's parser is missing; install the package 'apparmor' and try again",
      { cause },
    );
  }
}

/** Compiles without loading: a text that the parser refuses must not lie where the next boot would trip over it. */
async function requireAccepted(parser: string, { signal }: Context): Promise<void> {
  try {
    await run(parser, ['--skip-kernel-load', '--skip-cache'], { input: apparmorProfileText, signal });
  } catch (cause) {
    signal.throwIfAborted();
    throw new SdmeError(
      'system.unsupported',
      `this host's apparmor_parser refuses the profile '${strictApparmorProfile}', which needs AppArmor 4.0 or later`,
      { cause },
    );
  }
}

/**
 * Writes the profile `sdme-default` to /etc/apparmor.d, from where it is loaded at every boot, and loads it now.
 * What runs under an older version of it is under the new one at once (apparmor_parser(8), `--replace`). All is
 * checked first: a refusal leaves the host as it was.
 *
 * @throws SdmeError `system.unsupported` without AppArmor in the kernel, without its parser, or with one that is too
 * old; `io`, `disk.full`, `process.failed`
 */
export async function installApparmorProfile(ctx: Context): Promise<{ profile: string; file: string }> {
  if ((await readTextFile(loadedFile)) === undefined) {
    throw new SdmeError(
      'system.unsupported',
      'AppArmor is not available on this system; boot its kernel with apparmor=1 security=apparmor, if it has it',
    );
  }
  const parser = await findParser();
  await requireAccepted(parser, ctx);
  await replaceFileIfChanged(profileFile, apparmorProfileText, 0o644);
  await run(parser, ['--replace', '--skip-cache', profileFile], { signal: ctx.signal });
  const loaded = (await readTextFile(loadedFile)) ?? '';
  if (!loaded.split('\n').includes(`${strictApparmorProfile} (enforce)`)) {
    throw new SdmeError('system.unsupported', `the kernel does not enforce '${strictApparmorProfile}'`);
  }
  ctx.log.info(`loaded the AppArmor profile '${strictApparmorProfile}' from ${profileFile}`);
  return { profile: strictApparmorProfile, file: profileFile };
}
