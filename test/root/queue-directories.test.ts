import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { describeError } from '../../src/base/errors.ts';
import { layoutOf } from '../../src/base/paths.ts';
import { prepareEmbeddedDirectories } from '../../src/queue/embedded.ts';
import { rootMissing } from '../helpers/import-store.ts';
import { tempDir } from '../helpers/temp-dir.ts';

test('a data directory on a file system that is read-only is called that', {
  skip: rootMissing() ?? false,
}, async () => {
  await using dir = await tempDir();
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'ro', 'tmpfs', dir.path]);
  try {
    await assert.rejects(prepareEmbeddedDirectories(layoutOf(dir.path, dir.path)), (error) =>
      describeError(error).includes('EROFS'),
    );
  } finally {
    execFileSync('umount', [dir.path]);
  }
});
