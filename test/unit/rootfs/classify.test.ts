import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SdmeError } from '../../../src/base/errors.ts';
import {
  type ClassifiedConfig,
  checkImageRequest,
  classifyImage,
  decideTreatment,
  type ImageRequest,
} from '../../../src/rootfs/classify.ts';

const empty: ClassifiedConfig = { entrypoint: [], cmd: [], exposedPorts: [] };
const classes: readonly (readonly [string, Partial<ClassifiedConfig>, string])[] = [
  ['Cmd bash', { cmd: ['bash'] }, 'base'],
  ['Cmd /bin/sh', { cmd: ['/bin/sh'] }, 'base'],
  ['Cmd /usr/bin/bash', { cmd: ['/usr/bin/bash'] }, 'base'],
  ['Cmd bash -c x', { cmd: ['bash', '-c', 'x'] }, 'app'],
  ['Cmd zsh', { cmd: ['zsh'] }, 'app'],
  ['no Cmd', {}, 'app'],
  ['an entrypoint', { entrypoint: ['/init'], cmd: ['bash'] }, 'app'],
  ['a port', { cmd: ['bash'], exposedPorts: ['80/tcp'] }, 'app'],
];
for (const [what, config, expected] of classes) {
  test(`an image with ${what} is classified as ${expected}`, () => {
    assert.equal(classifyImage({ ...empty, ...config }), expected);
  });
}

const request: ImageRequest = { ociMode: 'auto', baseFs: undefined, force: false };

test('a base image and --oci-mode=base are imported as base', () => {
  assert.deepEqual(decideTreatment('base', request), { as: 'base' });
  assert.deepEqual(decideTreatment('app', { ...request, ociMode: 'base' }), { as: 'base' });
});

test('an application goes on the base rootfs that was named, or is taken raw with -f', () => {
  assert.deepEqual(decideTreatment('app', { ...request, baseFs: 'debian' }), { as: 'app', baseFs: 'debian' });
  assert.deepEqual(decideTreatment('app', { ...request, force: true }), { as: 'raw' });
  assert.deepEqual(decideTreatment('base', { ...request, ociMode: 'app', baseFs: 'debian' }), {
    as: 'app',
    baseFs: 'debian',
  });
});

test('an application without a base rootfs is refused with the contract’s words', () => {
  assert.throws(
    () => decideTreatment('app', request),
    (error) =>
      error instanceof SdmeError &&
      error.message.includes('appears to be an application container') &&
      error.message.includes('--base-fs'),
  );
  assert.throws(() => decideTreatment('base', { ...request, ociMode: 'app' }), /--base-fs/);
});

test('--base-fs contradicts --oci-mode=base', () => {
  assert.throws(
    () => checkImageRequest({ ...request, ociMode: 'base', baseFs: 'debian' }),
    /^SdmeError: --base-fs cannot be used with --oci-mode=base$/,
  );
  checkImageRequest({ ...request, baseFs: 'debian' });
});
