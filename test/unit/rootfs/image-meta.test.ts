import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatKeyValues, parseKeyValues } from '../../../src/base/key-values.ts';
import { environmentFile, type KeptConfig, rootfsMeta } from '../../../src/rootfs/image-meta.ts';

const config: KeptConfig = {
  env: [],
  entrypoint: ['/init', 'two words', 'line\nbreak'],
  cmd: [],
  workingDir: '/srv',
  user: '1000:1000',
  exposedPorts: ['80/tcp'],
  volumes: ['/data,x'],
  stopSignal: 'SIGQUIT',
};

test('the meta file holds the family and what the image says, on single lines', () => {
  assert.deepEqual(
    [...parseKeyValues(formatKeyValues(rootfsMeta('debian', config)))],
    [
      ['DISTRO', 'debian'],
      ['OCI_ENTRYPOINT', '["/init","two words","line\\nbreak"]'],
      ['OCI_PORTS', '["80/tcp"]'],
      ['OCI_STOP_SIGNAL', 'SIGQUIT'],
      ['OCI_USER', '1000:1000'],
      ['OCI_VOLUMES', '["/data,x"]'],
      ['OCI_WORKDIR', '/srv'],
    ],
  );
  assert.deepEqual([...rootfsMeta('unknown')], [['DISTRO', 'unknown']]);
});

test('names that are no variable names, and values that systemd takes from no file, are left out of the environment file and returned', () => {
  const { text, refused } = environmentFile([
    ['PATH', '/bin'],
    ['BAD-NAME', 'x'],
    ['A B', 'x'],
    ['NUL', 'a\0b'],
    ['NONE', 'a\uffffb'],
  ]);
  assert.equal(text, 'PATH="/bin"\n');
  assert.deepEqual(refused, ['BAD-NAME', 'A B', 'NUL', 'NONE']);
});

/** Reads double-quoted assignments as systemd's env-file.c does. */
function readBack(text: string): [string, string][] {
  const pairs: [string, string][] = [];
  const pattern = /([A-Za-z_][A-Za-z0-9_]*)="((?:[^"\\]|\\[\s\S])*)"\n/gy;
  for (const match of text.matchAll(pattern)) {
    pairs.push([match[1] ?? '', (match[2] ?? '').replace(/\\([\\"$`])/g, '$1')]);
  }
  return pairs;
}

test('any value comes back from the environment file unchanged', () => {
  const value = fc
    .string({ unit: 'binary' })
    .filter((text) => !/[\0\p{Noncharacter_Code_Point}]/u.test(text));
  fc.assert(
    fc.property(fc.array(value, { maxLength: 5 }), (values) => {
      const env = values.map((text, index): [string, string] => [`V${index}`, text]);
      assert.deepEqual(readBack(environmentFile(env).text), env);
    }),
  );
});
