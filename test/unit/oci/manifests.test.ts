import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDigest } from '../../../src/base/digests.ts';
import { documentMaxSize, parseDocument } from '../../../src/oci/manifests.ts';
import { mediaTypes } from '../../helpers/oci-image.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const config = { mediaType: mediaTypes.config, digest, size: 2 };
const layer = { mediaType: mediaTypes.layer, digest, size: 3 };
const manifest = { schemaVersion: 2, mediaType: mediaTypes.manifest, config, layers: [layer] };

function parse(value: unknown, ...types: (string | undefined)[]): ReturnType<typeof parseDocument> {
  const bytes = Buffer.isBuffer(value) ? value : Buffer.from(JSON.stringify(value));
  return parseDocument(bytes, 'the manifest', types);
}

const invalid = { code: 'oci.manifest-invalid' } as const;

test('a digest that is no digest never gets further than the grammar (G1, G2)', () => {
  for (const bad of [
    'sha256:../../x',
    'sha256:/etc/shadow',
    `../sha256:${'a'.repeat(64)}`,
    `sha256:${'A'.repeat(64)}`,
    `sha256:${'a'.repeat(63)}`,
    `sha256:${'a'.repeat(64)}\n`,
    `md5:${'a'.repeat(32)}`,
    `blake3:${'a'.repeat(64)}`,
    7,
  ]) {
    assert.throws(() => parse({ ...manifest, layers: [{ ...layer, digest: bad }] }), invalid);
  }
  assert.throws(() => parse({ ...manifest, config: { ...config, digest: 'md5:aa' } }), /md5/);
  const long = `sha512:${'b'.repeat(128)}`;
  assert.equal(parseDigest(long), long);
  parse({ ...manifest, layers: [{ ...layer, digest: long }] });
});

test('a document with layers and manifests is refused (G3)', () => {
  assert.throws(() => parse({ ...manifest, manifests: [] }), { ...invalid, message: /both/ });
  assert.throws(() => parse({ schemaVersion: 2, manifests: [], layers: [] }), {
    ...invalid,
    message: /both/,
  });
});

test('types that differ between descriptor, answer and body are refused (G4)', () => {
  assert.throws(() => parse(manifest, mediaTypes.index), { ...invalid, message: /different types/ });
  assert.throws(() => parse(manifest, mediaTypes.manifest, mediaTypes.dockerManifest), invalid);
  const { mediaType: _, ...untyped } = manifest;
  assert.throws(() => parse(untyped, mediaTypes.index), invalid);
  assert.equal(parse(untyped, mediaTypes.manifest).kind, 'manifest');
  assert.equal(parse(untyped).kind, 'manifest');
  assert.equal(parse(manifest, `${mediaTypes.manifest}; charset=utf-8`).kind, 'manifest');
});

test('schema versions other than 2 are refused and named (G5)', () => {
  for (const schemaVersion of [1, 3, '2', undefined, null]) {
    assert.throws(() => parse({ ...manifest, schemaVersion }), { ...invalid, message: /schema/ });
  }
  assert.throws(() => parse({ schemaVersion: 1, fsLayers: [], signatures: [] }), /docker schema 1/);
});

test('negative, broken and huge sizes are refused (F15)', () => {
  for (const size of [-1, 1.5, 2 ** 63, '3', null]) {
    assert.throws(() => parse({ ...manifest, layers: [{ ...layer, size }] }), invalid);
  }
});

test('deep nesting, bytes that are no UTF-8, NUL and a byte order mark are refused (G9, G13)', () => {
  assert.throws(() => parse(Buffer.from('['.repeat(100_000))), { ...invalid, message: /nested/ });
  assert.throws(() => parse(Buffer.from(`{"a":"${'['.repeat(1000)}"}`)), { ...invalid, message: /schema/ });
  assert.throws(() => parse(Buffer.from([0x7b, 0xff, 0x7d])), { ...invalid, message: /UTF-8/ });
  assert.throws(() => parse(Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from('{}')])), invalid);
  assert.throws(() => parse(Buffer.from('{"schemaVersion":\0 2}')), invalid);
});

test('duplicate keys count once, and __proto__ changes no prototype (G13)', () => {
  const text = JSON.stringify(manifest).replace('{', '{"schemaVersion":1,"__proto__":{"polluted":true},');
  assert.equal(parse(Buffer.from(text)).kind, 'manifest');
  assert.equal(Object.hasOwn(Object.prototype, 'polluted'), false);
});

test('docker types are accepted (G10)', () => {
  const docker = {
    schemaVersion: 2,
    mediaType: mediaTypes.dockerManifest,
    config: { ...config, mediaType: mediaTypes.dockerConfig },
    layers: [{ ...layer, mediaType: mediaTypes.dockerLayer }],
  };
  assert.equal(parse(docker).kind, 'manifest');
  assert.equal(parse({ schemaVersion: 2, mediaType: mediaTypes.dockerList, manifests: [] }).kind, 'index');
});

test('artifacts are refused as no container image (G11)', () => {
  for (const artifact of [
    { config: { ...config, mediaType: 'application/vnd.oci.empty.v1+json' } },
    { config: { ...config, mediaType: 'application/vnd.cncf.helm.config.v1+json' } },
    { layers: [{ ...layer, mediaType: 'application/vnd.dev.cosign.simplesigning.v1+json' }] },
    { layers: [{ ...layer, mediaType: 'application/vnd.in-toto+json' }] },
    { mediaType: 'application/vnd.oci.artifact.manifest.v1+json' },
  ]) {
    assert.throws(() => parse({ ...manifest, ...artifact }), {
      ...invalid,
      message: /not a container image/,
    });
  }
});

test('embedded data and urls of a descriptor are not looked at (G12, F19)', () => {
  const told = { ...layer, data: 'AAAA', urls: ['file:///etc/shadow'] };
  const parsed = parse({ ...manifest, layers: [told] });
  assert.ok(parsed.kind === 'manifest');
  assert.deepEqual(parsed.layers, [layer]);
  const foreign = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip';
  assert.equal(parse({ ...manifest, layers: [{ ...told, mediaType: foreign }] }).kind, 'manifest');
});

test('400 layers are accepted, 5000 and none are not (F5, F6)', () => {
  const of = (count: number) => ({ ...manifest, layers: Array.from({ length: count }, () => layer) });
  assert.equal(parse(of(400)).kind, 'manifest');
  assert.throws(() => parse(of(5000)), { code: 'oci.limit' });
  assert.throws(() => parse(of(0)), { ...invalid, message: /no layers/ });
});

test('a million descriptors are more than is ever read (G9)', () => {
  assert.ok(JSON.stringify(layer).length * 1e6 > documentMaxSize);
});
