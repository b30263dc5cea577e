import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { outsideTestHost } from '../helpers/container-host.ts';

test('npm run demo does the main job, shows each part of it, and ends by itself', {
  skip: outsideTestHost(),
  timeout: 200_000,
}, async () => {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['test/demo.ts']);
  const parts = [
    /^\$ sdme fs import 127\.0\.0\.1:\d+\/library\/debian:trixie .*--detach$/m,
    /^\$ sdme job watch [0-9A-Z]{26}$/m,
    /^demo-fs +Debian GNU\/Linux/m,
    /^demo-\d+ +running +ok /m,
    /^Debian GNU\/Linux .* on systemd$/m,
    /^running$/m,
    /^[0-9A-Z]{26} +fs\.import +succeeded/m,
    /^Done$/m,
  ];
  for (const part of parts) assert.match(stdout, part, stderr);
});
