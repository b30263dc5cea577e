import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostPlatform, parsePlatform } from '../../../src/oci/platforms.ts';
import { type FetchedDocument, resolveManifest } from '../../../src/oci/resolve-manifest.ts';
import { describe, jsonBlob, mediaTypes, type TestBlob } from '../../helpers/oci-image.ts';

const amd64 = hostPlatform('x64');

function image(mark: string): TestBlob {
  const digest = `sha256:${'c'.repeat(64)}`;
  return jsonBlob(mediaTypes.manifest, {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    annotations: { mark },
    config: { mediaType: mediaTypes.config, digest, size: 1 },
    layers: [{ mediaType: mediaTypes.layer, digest, size: 1 }],
  });
}

type Entry = readonly [blob: TestBlob, platform?: string, extra?: Record<string, unknown>];

function index(entries: readonly Entry[]): TestBlob {
  return jsonBlob(mediaTypes.index, {
    schemaVersion: 2,
    mediaType: mediaTypes.index,
    manifests: entries.map(([blob, platform, extra]) => {
      const [os, architecture, variant] = platform?.split('/') ?? [];
      return {
        ...describe(blob),
        ...(platform === undefined ? {} : { platform: { os, architecture, variant } }),
        ...extra,
      };
    }),
  });
}

async function resolve(root: TestBlob, blobs: readonly TestBlob[], platform = amd64): Promise<string> {
  const document = (blob: TestBlob): FetchedDocument => blob;
  const found = await resolveManifest(document(root), 'x', platform, async (entry) => {
    const blob = blobs.find(({ digest }) => digest === entry.digest);
    assert.ok(blob, 'fetched an entry that must be passed over');
    return document(blob);
  });
  return found.digest;
}

test('unknown types, attestations and artifacts are passed over, the first match is taken (G6)', async () => {
  const good = image('good');
  const root = index([
    [jsonBlob('application/x-unknown', {}), 'linux/amd64'],
    [image('attestation'), 'unknown/unknown'],
    [image('artifact'), 'linux/amd64', { artifactType: 'application/x' }],
    [good, 'linux/amd64'],
    [image('second'), 'linux/amd64'],
  ]);
  assert.equal(await resolve(root, [good]), good.digest);
});

test('nothing for this platform is said with what there is (G7)', async () => {
  const root = index([
    [image('a'), 'linux/arm64/v8'],
    [image('w'), 'windows/amd64'],
    [image('u'), 'unknown/unknown'],
  ]);
  await assert.rejects(resolve(root, []), {
    code: 'oci.platform-missing',
    message: 'x has no variant for linux/amd64; it offers linux/arm64/v8, windows/amd64',
  });
});

test('the best variant is taken (G7)', async () => {
  const [v6, v7, v8] = [image('v6'), image('v7'), image('v8')];
  const arm = index([
    [v6, 'linux/arm/v6'],
    [v8, 'linux/arm/v8'],
    [v7, 'linux/arm/v7'],
  ]);
  assert.equal(await resolve(arm, [v6, v7, v8], hostPlatform('arm')), v7.digest);
  assert.equal(await resolve(arm, [v6, v7, v8], parsePlatform('linux/arm/v6')), v6.digest);
  const [plain, second] = [image('plain'), image('v2')];
  const amd = index([
    [second, 'linux/amd64/v2'],
    [plain, 'linux/amd64'],
  ]);
  assert.equal(await resolve(amd, [plain, second]), plain.digest);
  assert.equal(await resolve(index([[second, 'linux/amd64/v2']]), [second]), second.digest);
});

test('an index in an index is followed; one that has nothing gives way to the next (G8)', async () => {
  const good = image('good');
  const empty = index([[image('arm'), 'linux/arm64']]);
  const inner = index([[good, 'linux/amd64']]);
  const root = index([[empty], [inner]]);
  assert.equal(await resolve(root, [empty, inner, good]), good.digest);
});

test('deep nesting and very many indexes are refused (G8)', async () => {
  const chain: TestBlob[] = [index([[image('end'), 'linux/amd64']])];
  for (let depth = 0; depth < 64; depth += 1) chain.unshift(index([[chain[0] ?? image('x')]]));
  const [root, ...rest] = chain;
  assert.ok(root);
  await assert.rejects(resolve(root, rest), { code: 'oci.limit' });
  const many = Array.from({ length: 40 }, (_, n) => index([[image(`${n}`), 'linux/arm64']]));
  await assert.rejects(resolve(index(many.map((blob) => [blob])), many), { code: 'oci.limit' });
});

test('an index that names itself ends (G8)', async () => {
  const root = index([[image('x'), 'linux/arm64']]);
  const self: TestBlob = { ...root, bytes: index([[root]]).bytes };
  await assert.rejects(resolve(self, [self]), { code: 'oci.platform-missing' });
});
