import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { startFakeRegistry } from '../helpers/fake-registry.ts';
import { openTestImages, seenContext } from '../helpers/images-room.ts';
import { testImage } from '../helpers/oci-image.ts';
import { selfSigned } from '../helpers/self-signed.ts';
import { tempDir } from '../helpers/temp-dir.ts';

test('a certificate of our own in certs.d, with its key, lets us in where the registry asks for one', async () => {
  await using dir = await tempDir();
  const ours = selfSigned(dir.path, 'DNS:client.example', 'client');
  const theirs = selfSigned(dir.path, 'IP:127.0.0.1', 'server');
  const image = await testImage();
  await using registry = await startFakeRegistry({ images: [image], tls: { ...theirs, clients: ours.cert } });
  /** What comes of asking when certs.d holds these files. */
  const resolveWith = async (files: Record<string, string>): Promise<string> => {
    await using room = await openTestImages();
    const certs = join(room.dir, '.config/containers/certs.d', registry.host);
    await mkdir(certs, { recursive: true });
    for (const [name, text] of Object.entries(files)) await writeFile(join(certs, name), text);
    await using source = room.images.registry(`${registry.host}/app`);
    return (await source.resolve(seenContext())).manifestDigest;
  };
  const ca = { 'ca.crt': theirs.cert };
  const own = { 'client.cert': ours.cert, 'client.key': ours.key };
  assert.equal(await resolveWith({ ...ca, ...own }), image.manifest.digest);
  const asked = registry.requests.length;
  await assert.rejects(resolveWith(ca), { code: 'oci.network' });
  await assert.rejects(resolveWith({ ...ca, 'client.cert': theirs.cert, 'client.key': theirs.key }), {
    code: 'oci.network',
  });
  assert.equal(registry.requests.length, asked, 'nobody else gets to the registry');
  await assert.rejects(resolveWith({ ...ca, 'client.cert': ours.cert }), {
    code: 'config.invalid',
    message: /client\.cert has no key beside it; add client\.key$/,
  });
  await assert.rejects(resolveWith({ ...ca, 'client.cert': ours.cert, 'client.key': 'no key' }), {
    code: 'config.invalid',
  });
});
