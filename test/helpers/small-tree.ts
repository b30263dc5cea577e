import { execFileSync } from 'node:child_process';
import { cp, mkdir, realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Programs of this machine that a small tree can hold. */
const programs = ['sh', 'cat', 'ls', 'id', 'mkdir', 'touch', 'sleep', 'mount', 'chroot', 'rm', 'cp', 'ln'];

function pathOf(program: string): string {
  return execFileSync('sh', ['-c', `command -v ${program}`], {
    encoding: 'utf8',
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
  }).trim();
}

/** Files a program needs to run, itself included. */
function partsOf(program: string): string[] {
  const libraries = execFileSync('ldd', [program], { encoding: 'utf8' });
  return [program, ...(libraries.match(/\/[^ ]+/g) ?? [])];
}

/** Makes a tree in which simple shell commands run, of this machine's own programs. */
export async function makeSmallTree(tree: string, more: readonly string[] = []): Promise<void> {
  for (const dir of ['bin', 'etc', 'tmp']) await mkdir(join(tree, dir), { recursive: true });
  for (const program of [...programs, ...more]) {
    const path = pathOf(program);
    const [own = path, ...libraries] = partsOf(path);
    await cp(await realpath(own), join(tree, 'bin', program));
    for (const library of libraries) {
      await mkdir(join(tree, dirname(library)), { recursive: true });
      await cp(await realpath(library), join(tree, library));
    }
  }
}
