import { z } from 'zod';
import { SdmeError } from '../../base/errors.ts';
import { apparmorProfileText } from '../../security/apparmor-profile.ts';
import { detachOption, parseOptions } from '../parse/options.ts';
import { runJob } from '../run/run-job.ts';
import type { VerbRun } from '../verb.ts';

const schema = z.strictObject({ ...detachOption, install: z.boolean().default(false) });

/** `config apparmor-profile`: prints the profile of the strict tier, which anyone may, or installs it (contract 1.12, 3.10). */
export const run: VerbRun = async ({ options, session }) => {
  const { install, detach } = parseOptions(schema, options);
  if (!install) {
    if (detach) throw new SdmeError('usage', '--detach goes with --install only');
    session.output.result(apparmorProfileText.trimEnd());
    return 0;
  }
  if (process.geteuid?.() !== 0) {
    throw new SdmeError('root.required', 'sdme requires root privileges; run with sudo');
  }
  const result = await runJob(session, 'host.apparmor.install', {}, { detach });
  if (result !== undefined) session.output.result(result.profile);
  return 0;
};
