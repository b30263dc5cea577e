import { enableCompileCache } from 'node:module';

// Code that was compiled once is loaded as it is: about a third of the start-up time. The directory must be one
// that only root writes, as what lies in it is run.
if (process.geteuid?.() === 0) enableCompileCache('/var/cache/sdme/compile');

const { main } = await import('./command-line.ts');
const { written } = await import('./output/output.ts');
const code = await main();
await written();
// Not left to the last timer: a connection that was closed while its server was away goes on trying for a while.
process.exit(code);
