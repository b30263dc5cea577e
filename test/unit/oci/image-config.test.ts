import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDigest } from '../../../src/base/digests.ts';
import { checkImagePlatform, parseImageConfig } from '../../../src/oci/image-config.ts';
import { hostPlatform } from '../../../src/oci/platforms.ts';
import { assembleImage } from '../../../src/oci/resolved-image.ts';

const parse = (value: unknown) => parseImageConfig(Buffer.from(JSON.stringify(value)), 'the configuration');
const invalid = { code: 'oci.manifest-invalid' } as const;

test('a configuration gives its fields in their order', () => {
  const diff = `sha256:${'d'.repeat(64)}`;
  const config = parse({
    os: 'linux',
    architecture: 'amd64',
    config: {
      Env: ['PATH=/bin', 'A=x=y', 'PATH=/usr/bin', 'M=two\nlines'],
      Entrypoint: ['/init'],
      Cmd: ['-x', ''],
      WorkingDir: '/srv',
      User: '1000:5',
      ExposedPorts: { '80/tcp': {}, '53/udp': {} },
      Volumes: { '/data': {} },
      StopSignal: 'SIGINT',
      Labels: { a: 'b' },
    },
    rootfs: { type: 'layers', diff_ids: [diff] },
    history: [{ created_by: 'x' }],
  });
  assert.deepEqual(config, {
    os: 'linux',
    architecture: 'amd64',
    variant: '',
    env: [
      ['A', 'x=y'],
      ['PATH', '/usr/bin'],
      ['M', 'two\nlines'],
    ],
    entrypoint: ['/init'],
    cmd: ['-x', ''],
    workingDir: '/srv',
    user: '1000:5',
    exposedPorts: ['80/tcp', '53/udp'],
    volumes: ['/data'],
    stopSignal: 'SIGINT',
    diffIds: [diff],
  });
});

test('null everywhere and nothing at all are as good as empty (H10)', () => {
  const empty = parse({});
  const names = ['Env', 'Entrypoint', 'Cmd', 'WorkingDir', 'User', 'ExposedPorts', 'Volumes', 'StopSignal'];
  const nulls = Object.fromEntries(names.map((name) => [name, null]));
  const config = {
    os: null,
    architecture: null,
    variant: null,
    config: nulls,
    rootfs: { type: null, diff_ids: null },
  };
  assert.deepEqual(parse(config), empty);
  assert.deepEqual(parse({ config: null, rootfs: null }), empty);
  assert.deepEqual([empty.env, empty.cmd, empty.user], [[], [], '']);
});

test('wrong types are refused with the field (H10)', () => {
  for (const [field, value] of [
    ['Env', 'A=b'],
    ['Env', [1]],
    ['Entrypoint', '/init'],
    ['Cmd', { 0: 'x' }],
    ['WorkingDir', 7],
    ['User', ['root']],
    ['ExposedPorts', ['80']],
    ['Volumes', 'x'],
    ['StopSignal', 9],
  ] as const) {
    assert.throws(() => parse({ config: { [field]: value } }), {
      ...invalid,
      message: new RegExp(`config\\.${field}`),
    });
  }
  for (const value of [[], 'x', null, 7]) assert.throws(() => parse(value), invalid);
});

test('entries of Env without = or a name are passed over; LD_PRELOAD is data and nothing else (H10)', () => {
  const before = process.env.LD_PRELOAD;
  const { env } = parse({ config: { Env: ['FOO', '=x', 'LD_PRELOAD=/evil.so', '__proto__=y'] } });
  assert.deepEqual(env, [
    ['LD_PRELOAD', '/evil.so'],
    ['__proto__', 'y'],
  ]);
  assert.equal(process.env.LD_PRELOAD, before);
});

test('control characters in what becomes a line of a unit are refused (H1)', () => {
  for (const field of ['WorkingDir', 'User', 'StopSignal'] as const) {
    for (const bad of ['a\nb', 'a\rb', 'a\0b', '\u001b[31m']) {
      assert.throws(() => parse({ config: { [field]: bad } }), invalid);
    }
  }
  assert.throws(() => parse({ config: { Volumes: { '/a\nb': {} } } }), invalid);
  assert.throws(() => parse({ config: { Env: ['A=\0'] } }), invalid);
});

test('an image for another machine is refused in the words of the contract', () => {
  const platform = hostPlatform('x64');
  checkImagePlatform(parse({ os: 'linux', architecture: 'amd64' }), platform);
  checkImagePlatform(parse({}), platform);
  assert.throws(() => checkImagePlatform(parse({ architecture: 'arm64' }), platform), {
    code: 'oci.platform-missing',
    message: 'image architecture arm64 does not match host amd64',
  });
  assert.throws(() => checkImagePlatform(parse({ os: 'windows', architecture: 'amd64' }), platform), {
    code: 'oci.platform-missing',
  });
});

test('every layer needs exactly one diff id (F16), and the size limit is over all layers', () => {
  const digest = parseDigest(`sha256:${'e'.repeat(64)}`);
  const layer = { mediaType: 'x', digest, size: 600 };
  const config = (count: number) =>
    parse({ rootfs: { diff_ids: Array.from({ length: count }, () => digest) } });
  const assemble = (layers: number, ids: number) =>
    assembleImage(
      {
        reference: 'x',
        manifestDigest: digest,
        layers: Array.from({ length: layers }, () => layer),
        config: config(ids),
      },
      hostPlatform('x64'),
      1500,
    );
  assert.deepEqual(
    assemble(2, 2).layers.map(({ position, diffId }) => [position, diffId]),
    [
      [1, digest],
      [2, digest],
    ],
  );
  for (const ids of [1, 3, 0]) assert.throws(() => assemble(2, ids), { code: 'oci.manifest-invalid' });
  assert.throws(() => assemble(3, 3), { code: 'oci.limit', message: /max_download_size/ });
});
