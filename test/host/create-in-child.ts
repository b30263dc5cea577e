/*
 * Makes the container named on the command line, for a test that kills this process in the middle. Says `ready`
 * before it begins.
 */
import { handleContainerCreate } from '../../jobs/container-create.ts';
import { detachedContext } from '../../src/base/context.ts';
import { layoutOf } from '../../src/base/paths.ts';
import { parseSettings } from '../../src/config/load.ts';
import { contracts } from '../../src/contracts/index.ts';

const [name, dataDir = '', runtimeDir = ''] = process.argv.slice(2);
const input = contracts['container.create'].input.parse({ name, rootfs: 'debian', enable: true });
const deps = { layout: layoutOf(dataDir, runtimeDir), settings: parseSettings({ datadir: dataDir }, 'test') };
process.stdout.write('ready\n');
await handleContainerCreate(detachedContext(undefined, 'killed'), input, deps);
