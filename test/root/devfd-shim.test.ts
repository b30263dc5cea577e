import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { arch, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { devfdShim } from '../../isolate/index.ts';

const noCompiler =
  spawnSync('cc', ['--version']).status === 0 ? false : 'no C compiler to make a workload with';

test('with the devfd shim, a program whose output is a socket can open it by path', {
  skip: noCompiler,
}, () => {
  const directory = mkdtempSync(join(tmpdir(), 'sdme-shim-'));
  try {
    const shim = join(directory, 'shim.so');
    writeFileSync(shim, devfdShim(arch() === 'arm64' ? 'aarch64' : 'x86-64'));
    const source = join(directory, 'log.c');
    writeFileSync(
      source,
      `#include <fcntl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
int main(int argc, char **argv) {
  int fd = open(argv[1], O_WRONLY | O_APPEND);
  if (fd < 0) { printf("%s\\n", strerror(errno)); return 1; }
  dprintf(fd, "written\\n");
  return open("/nowhere", O_RDONLY) == -1 && errno == ENOENT ? 0 : 2;
}
`,
    );
    const program = join(directory, 'log');
    execFileSync('cc', ['-o', program, source]);
    const link = join(directory, 'access.log');
    symlinkSync('/dev/stdout', link);
    // Node gives a child sockets for standard streams when asked for pipes, as systemd does.
    const run = (path: string, preload: string): { status: number | null; stdout: string } => {
      const { status, stdout } = spawnSync(program, [path], {
        encoding: 'utf8',
        env: { LD_PRELOAD: preload },
      });
      return { status, stdout };
    };
    assert.deepEqual(run('/dev/stdout', ''), { status: 1, stdout: 'No such device or address\n' });
    for (const path of ['/dev/stdout', '/proc/self/fd/1', '/dev/fd/1', link]) {
      assert.deepEqual(run(path, shim), { status: 0, stdout: 'written\n' }, path);
    }
    assert.deepEqual(run('/dev/stdout2', shim), { status: 1, stdout: 'No such file or directory\n' });
  } finally {
    rmSync(directory, { recursive: true });
  }
});
