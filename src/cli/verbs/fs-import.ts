import { z } from 'zod';
import { SdmeError } from '../../base/errors.ts';
import type { InputOf, ResultOf } from '../../contracts/index.ts';
import { importInput, importOptions } from '../parse/import-options.ts';
import { detachOption, parseOptions } from '../parse/options.ts';
import { askYesNo } from '../run/confirm.ts';
import { runJob } from '../run/run-job.ts';
import type { Session } from '../session.ts';
import type { VerbRun } from '../verb.ts';

const schema = z.strictObject({ ...detachOption, ...importOptions, name: z.string().optional() });

/**
 * Runs the import. A job cannot ask anybody, so one that lacks packages fails; the person who waits for it is
 * asked, and a yes runs it again with them (contract 6.4, `auto`).
 */
async function runImport(
  session: Session,
  input: InputOf<'fs.import'>,
  detach: boolean,
): Promise<ResultOf<'fs.import'> | undefined> {
  try {
    return await runJob(session, 'fs.import', input, { detach });
  } catch (error) {
    const mayAsk = error instanceof SdmeError && error.code === 'rootfs.incomplete';
    if (!mayAsk || input.installPackages !== 'auto' || !(await session.isInteractive())) throw error;
    const { missing } = error.facts;
    if (missing === undefined) throw error;
    session.output.note(`${missing} not found in rootfs, so that it cannot boot`);
    if (!(await askYesNo(session, 'install the packages? [y/N] '))) {
      throw new SdmeError(
        'rootfs.incomplete',
        `${missing} not found in rootfs; re-run with --install-packages=yes or -f to override`,
      );
    }
    return runJob(session, 'fs.import', { ...input, installPackages: 'yes' });
  }
}

/** `fs import`: makes a rootfs of an image, a tarball, a directory or a URL (contract 1.9, 6). */
export const run: VerbRun = async ({ operands, options, session }) => {
  const { detach, name, ...how } = parseOptions(schema, options);
  const input = importInput(operands[0] ?? '', name, how, process.cwd());
  session.output.note(`importing '${input.name}'`);
  const result = await runImport(session, input, detach);
  if (result !== undefined) session.output.result(result.name);
  return 0;
};
