import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { median } from './measure.ts';

/** How long people wait for answers: run in the test host, where containers can be. */
const runs = 15;
const containers = 3;
const sdme = join(import.meta.dirname, '../sdme');
const rootfs = process.argv[2];

function must(program: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} failed: ${stderr}`);
}

function time(program: string, ...args: string[]): string {
  must(program, ...args);
  const times = Array.from({ length: runs }, () => {
    const from = performance.now();
    must(program, ...args);
    return performance.now() - from;
  });
  return `${median(times).toFixed(0)} ms (${Math.min(...times).toFixed(0)}-${Math.max(...times).toFixed(0)})`;
}

if (rootfs === undefined) throw new Error('usage: bench/cli.ts ROOTFS-TARBALL');
const names = Array.from({ length: containers }, (_, index) => `bench-${index}`);
must(sdme, 'fs', 'import', rootfs, '--name', 'bench');
try {
  for (const name of names) must(sdme, 'create', name, '-r', 'bench', '--started');
  console.log(`\nthe command line with ${containers} running containers, median of ${runs}`);
  console.log(`  sdme --help      ${time(sdme, '--help')}`);
  console.log(`  sdme ps          ${time(sdme, 'ps')}`);
  console.log(`  machinectl list  ${time('machinectl', 'list', '--no-pager')}`);
  console.log(`  sdme exec true   ${time(sdme, 'exec', 'bench-0', 'true')}`);
} finally {
  must(sdme, 'rm', '--all', '-f');
  must(sdme, 'fs', 'rm', 'bench');
}
