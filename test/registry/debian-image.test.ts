import assert from 'node:assert/strict';
import { test } from 'node:test';
import { debianImage, pushLayout, writeMirrorRule } from '../helpers/debian-image.ts';
import { registryMissing, startDockerRegistry } from '../helpers/docker-registry.ts';
import { openTestImages, seenContext } from '../helpers/images-room.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const asRoot = process.getuid?.() === 0 ? undefined : 'making a Debian tree needs root';
const skip = asRoot ?? registryMissing() ?? false;

test('a docker.io reference is served by the loopback registry that a mirror rule names', {
  skip,
}, async () => {
  const { layout } = await debianImage();
  await using dir = await tempDir('sdme-mirror-');
  await using registry = await startDockerRegistry();
  await pushLayout(layout, 'trixie', registry.host, 'library/debian:trixie');
  const rules = `${dir.path}/registries.conf`;
  await writeMirrorRule(rules, 'docker.io', registry.host);
  await using room = await openTestImages({}, { environment: { CONTAINERS_REGISTRIES_CONF: rules } });
  const ctx = seenContext();
  await using source = room.images.registry('docker.io/library/debian:trixie');
  const resolved = await source.resolve(ctx);
  assert.deepEqual(resolved.config.cmd, ['bash']);
  const [layer] = resolved.layers;
  assert.ok(layer !== undefined && resolved.layers.length === 1);
  await using blob = await source.blob(ctx, layer);
  assert.equal(blob.via, 'fetched');
  assert.equal(blob.verified, true);
});
