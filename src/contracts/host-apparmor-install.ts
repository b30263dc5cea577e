import { z } from 'zod';
import { defineContract } from './contract.ts';

/**
 * Puts the AppArmor profile of the strict tier on the host. The text is the worker's own, so that nobody who may
 * submit jobs can load a policy of theirs.
 */
export const hostApparmorInstall = defineContract({
  kind: 'host.apparmor.install',
  summary: 'install the AppArmor profile of the strict tier and load it',
  queue: 'control',
  input: z.strictObject({}),
  /** The profile's name, and the file that it is loaded from at boot. */
  result: z.strictObject({ profile: z.string(), file: z.string() }),
  locks: () => [{ kind: 'host', name: 'apparmor', mode: 'exclusive' }],
  subject: () => '-',
});
