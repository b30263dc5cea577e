import { join } from 'node:path';
import { superviseMain } from './supervise-main.ts';

process.exitCode = await superviseMain(join(import.meta.dirname, 'main.ts'));
