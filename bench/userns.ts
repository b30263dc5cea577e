import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { detachedContext } from '../src/base/context.ts';
import { overlayMountArguments } from '../src/nspawn/layer-mounts.ts';
import { shiftTree } from '../src/security/shift/shift-tree.ts';
import { uidShift } from '../src/security/uid-shift.ts';
import { measure, median } from './measure.ts';

/**
 * What users of its own cost a container, by mapped mounts and by giving files away: run in the test host, where
 * containers can be. Usage: bench/userns.ts ROOTFS-TARBALL
 */
const runs = Number(process.env.SDME_BENCH_RUNS ?? 5);
const sizes = [8_000, 46_000];
const sdme = join(import.meta.dirname, '../sdme');
const dataDir = '/var/lib/sdme';
const scratch = `${dataDir}/bench-shift`;
const base = 0x5ffc0000;
const [, , tarball] = process.argv;

function must(program: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} failed: ${stderr}`);
  return stdout;
}

/** A bootable rootfs of about `files` files, those that are added of 4 KiB. @returns how many there are */
function makeRootfs(name: string, files: number): number {
  must(sdme, 'fs', 'import', tarball ?? '', '--name', name);
  const root = `${dataDir}/fs/${name}`;
  const count = (): number => must('find', root, '-printf', '.').length;
  const content = Buffer.alloc(4096, 'x');
  for (let missing = files - count(), directory = 0; missing > 0; directory += 1) {
    const path = `${root}/usr/share/bench/${directory}`;
    mkdirSync(path, { recursive: true });
    missing -= directory === 0 ? 2 : 1;
    for (let file = 0; file < 60 && missing > 0; file += 1, missing -= 1)
      writeFileSync(`${path}/${file}`, content);
  }
  return count();
}

interface Row {
  readonly label: string;
  readonly turn: () => Promise<number>;
}

/** Takes turns, and shows medians beside that of the first row. */
async function compare(rows: readonly Row[]): Promise<void> {
  const times = new Map(rows.map(({ label }): [string, number[]] => [label, []]));
  for (let run = 0; run < runs; run += 1) {
    for (const { label, turn } of rows) times.get(label)?.push(await turn());
  }
  const first = median([...times.values()][0] ?? []);
  for (const [label, values] of times) {
    const [low, high] = [Math.min(...values), Math.max(...values)].map((value) => value.toFixed(2));
    const ratio = (median(values) / first).toFixed(2);
    console.log(`  ${label.padEnd(42)} ${median(values).toFixed(2)} s (${low}-${high})  ${ratio}`);
  }
}

/** Seconds of `create --started`; its removal is not measured. */
async function createAndStart(rootfs: string, ...flags: string[]): Promise<number> {
  const { seconds } = await measure(sdme, ['create', 'bench', '-r', rootfs, '--started', ...flags]);
  if (flags.length > 0) {
    const state = readFileSync(`${dataDir}/state/bench`, 'utf8');
    if (!state.includes('USERNS_MAPPING=idmap')) throw new Error('the mounts were not mapped');
  }
  must(sdme, 'rm', 'bench');
  return seconds;
}

/** Seconds that `work` takes on a fresh overlay over a rootfs. `mounts`: whether it has it mounted by itself. */
async function onOverlay(
  rootfs: string,
  mounts: 'mounted' | 'by itself',
  copies: 'all' | 'metacopy',
  work: (merged: string, overlay: string[]) => Promise<unknown>,
): Promise<number> {
  const at = (name: string): string => `${scratch}/${name}`;
  for (const name of ['upper', 'work', 'merged']) mkdirSync(at(name), { recursive: true });
  const paths = { upper: at('upper'), work: at('work'), merged: at('merged') };
  const overlay = overlayMountArguments({ lower: `${dataDir}/fs/${rootfs}`, ...paths }, copies);
  if (mounts === 'mounted') must('mount', ...overlay);
  try {
    const begin = performance.now();
    await work(at('merged'), overlay);
    return (performance.now() - begin) / 1000;
  } finally {
    if (mounts === 'mounted') must('umount', at('merged'));
    await rm(scratch, { recursive: true });
  }
}

function givingAway(rootfs: string): Row[] {
  const shift = uidShift(0, base, 65_536);
  const nspawn = (merged: string): string[] => [
    '--quiet',
    `--directory=${merged}`,
    `--private-users=${base}:65536`,
    '--private-users-ownership=chown',
    ...['--register=no', '--keep-unit', '--pipe', '--as-pid2', '/bin/true'],
  ];
  const chown = (merged: string): Promise<unknown> =>
    measure('chown', ['-R', '--no-dereference', `${base}:${base}`, merged]);
  return [
    {
      label: 'chown -R',
      turn: () => onOverlay(rootfs, 'mounted', 'all', chown),
    },
    {
      label: 'chown -R, metacopy=on',
      turn: () => onOverlay(rootfs, 'mounted', 'metacopy', chown),
    },
    {
      label: 'systemd-nspawn, ownership=chown',
      turn: () => onOverlay(rootfs, 'mounted', 'all', (merged) => measure('systemd-nspawn', nspawn(merged))),
    },
    {
      label: 'sdme, uid.preshift',
      turn: () =>
        onOverlay(rootfs, 'by itself', 'metacopy', (root, overlay) =>
          shiftTree(detachedContext(), {
            mounts: [overlay],
            root,
            notes: `${scratch}/notes`,
            shift,
            threads: availableParallelism(),
            item: 'shift',
          }),
        ),
    },
  ];
}

if (tarball === undefined) throw new Error('usage: bench/userns.ts ROOTFS-TARBALL');
for (const size of sizes) {
  const rootfs = `bench-${size}`;
  const files = makeRootfs(rootfs, size);
  console.log(`\ncreate and start over a rootfs of ${files} files, median of ${runs}`);
  await compare([
    { label: 'without a user namespace', turn: () => createAndStart(rootfs) },
    { label: '--userns, by mapped mounts', turn: () => createAndStart(rootfs, '--userns') },
  ]);
  console.log(`\ngiving ${files} files away in an overlay on tmpfs, median of ${runs}`);
  await compare(givingAway(rootfs));
  must(sdme, 'fs', 'rm', rootfs);
}
