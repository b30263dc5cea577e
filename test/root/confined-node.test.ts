import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { startConfinedNode } from '../../src/system/exec/confined-node.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';

const program = `
  const { readFileSync } = require('node:fs');
  const status = readFileSync('/proc/self/status', 'utf8');
  const field = (name) => new RegExp('^' + name + ':\\\\s*(\\\\S+)', 'm').exec(status)[1];
  console.log(JSON.stringify({
    priority: require('node:os').getPriority(),
    effective: field('CapEff'),
    bounding: field('CapBnd'),
    noNewPrivileges: field('NoNewPrivs'),
    secret: process.env.SDME_TEST_SECRET ?? null,
  }));
`;

test('a confined program gives way to others, and has the capabilities it is given and none of our environment', {
  skip,
}, async () => {
  await using directory = await tempDir();
  const entry = join(directory.path, 'program.cjs');
  writeFileSync(entry, program);
  process.env.SDME_TEST_SECRET = 'x';
  const lines: string[] = [];
  const child = startConfinedNode({
    entry,
    argument: '',
    capabilities: ['CHOWN', 'SETFCAP'],
    heap: 64,
    onLine: (line) => lines.push(line),
  });
  assert.equal(await child.ended, 'exited with code 0');
  const kept = ((1n << 0n) | (1n << 31n)).toString(16).padStart(16, '0');
  assert.deepEqual(JSON.parse(lines.join('')), {
    priority: 5,
    effective: kept,
    bounding: kept,
    noNewPrivileges: '1',
    secret: null,
  });
});
