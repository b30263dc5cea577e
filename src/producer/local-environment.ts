import { userInfo } from 'node:os';
import type { Settings } from '../config/schema.ts';
import { nodeEnvironment } from '../system/exec/run.ts';

/** Variables of the first caller that the worker needs to reach registries; all else stays out. */
const passedOn = [
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
  'ALL_PROXY',
  'http_proxy',
  'https_proxy',
  'no_proxy',
  'all_proxy',
  'SSL_CERT_FILE',
  'NODE_EXTRA_CA_CERTS',
] as const;

/**
 * The whole environment of the local queue and worker: it does not depend on who happens to start them, apart
 * from the proxies and certificates of the network.
 */
export function localEnvironment(
  settings: Settings,
  configFile: string | undefined,
  caller: NodeJS.ProcessEnv,
): Record<string, string> {
  const environment: Record<string, string> = {
    ...nodeEnvironment,
    HOME: userInfo().homedir,
    SDME_DATADIR: settings.datadir,
    SDME_RUNDIR: settings.rundir,
  };
  if (settings.host_id !== '') environment.SDME_HOST_ID = settings.host_id;
  if (configFile !== undefined) environment.SDME_CONFIG = configFile;
  for (const name of passedOn) {
    const value = caller[name];
    if (value !== undefined && value !== '') environment[name] = value;
  }
  return environment;
}
