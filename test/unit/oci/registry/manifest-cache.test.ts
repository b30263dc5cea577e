import assert from 'node:assert/strict';
import { readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { digestOf } from '../../../../src/oci/digest-check.ts';
import {
  cleanManifestCache,
  isFresh,
  manifestCacheFile,
  readManifestCache,
  writeManifestCache,
} from '../../../../src/oci/registry/manifest-cache.ts';
import { tempDir } from '../../../helpers/temp-dir.ts';

const bytes = Buffer.from('{"schemaVersion":2}');
const document = { digest: digestOf(bytes, 'sha256'), mediaType: 'application/json', bytes };

test('a tag is taken for unchanged until its time to live is over, a digest for ever', () => {
  const entry = { fetchedAt: 1_000_000, documents: [document] };
  for (const [age, fresh] of [
    [0, true],
    [899_999, true],
    [900_000, false],
    // The clock was set back: nobody knows how old it is.
    [-1, false],
  ] as const) {
    assert.equal(isFresh(entry, false, 900_000, 1_000_000 + age), fresh, String(age));
    assert.ok(isFresh(entry, true, 900_000, 1_000_000 + age));
  }
  assert.ok(!isFresh(entry, false, 0, 1_000_000), 'no time to live: never');
});

test('an entry comes back as it was; one that is cut, forged or not there is as good as none', async () => {
  await using dir = await tempDir();
  const file = manifestCacheFile(dir.path, 'docker.io/library/debian:trixie', 'linux/amd64');
  assert.equal(await readManifestCache(file), undefined);
  await writeManifestCache(file, { fetchedAt: 5, documents: [document] });
  assert.deepEqual(await readManifestCache(file), { fetchedAt: 5, documents: [document] });
  const text = await readFile(file, 'utf8');
  const forged = text.replace(
    bytes.toString('base64'),
    Buffer.from('{"schemaVersion":3}').toString('base64'),
  );
  for (const damaged of [text.slice(0, -9), forged, '', '[]', '{"fetchedAt":5}']) {
    await writeFile(file, damaged);
    assert.equal(await readManifestCache(file), undefined, damaged);
  }
});

test('entries that nobody renewed for a month go, others only when all are to go', async () => {
  await using dir = await tempDir();
  await cleanManifestCache(dir.path, true);
  const [old, young] = ['old', 'young'].map((name) => manifestCacheFile(dir.path, name, 'linux/amd64'));
  for (const file of [old, young])
    await writeManifestCache(file ?? '', { fetchedAt: 5, documents: [document] });
  const longAgo = Date.now() / 1000 - 31 * 24 * 3600;
  await utimes(old ?? '', longAgo, longAgo);
  const left = async (): Promise<string[]> =>
    (await readdir(join(dir.path, 'manifests'))).map((name) => join(dir.path, 'manifests', name));
  await cleanManifestCache(dir.path, false);
  assert.deepEqual(await left(), [young]);
  await cleanManifestCache(dir.path, true);
  assert.deepEqual(await left(), []);
});
