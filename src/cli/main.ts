import { main } from './command-line.ts';
import { written } from './output/output.ts';

const code = await main();
await written();
// Not left to the last timer: a connection that was closed while its server was away goes on trying for a while.
process.exit(code);
