import { SdmeError } from '../../base/errors.ts';
import { defaultConfigFile } from '../../config/load.ts';
import { saveSetting } from '../../config/save.ts';
import type { VerbRun } from '../verb.ts';

/** `config set`: changes one setting in the configuration file (contract 1.12). */
export const run: VerbRun = async ({ operands, session }) => {
  const [key, value] = operands;
  if (key === undefined || value === undefined) throw new SdmeError('usage', 'name a key and a value');
  const file = session.configFile ?? session.environment.SDME_CONFIG ?? defaultConfigFile;
  await saveSetting(file, key, value);
  return 0;
};
