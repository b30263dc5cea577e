import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pack } from 'tar-stream';
import { isMetaMember, judgeMember, readMemberHeader } from '../../../src/rootfs/archive-members.ts';

const id = 'a'.repeat(64);
const verdicts: readonly (readonly [string, string])[] = [
  ['oci-layout', 'image'],
  ['./oci-layout', 'image'],
  ['manifest.json', 'image'],
  ['blobs/', 'open'],
  ['blobs/sha256/', 'open'],
  [`blobs/sha256/${id}`, 'open'],
  ['index.json', 'open'],
  ['repositories', 'open'],
  [`${id}/layer.tar`, 'open'],
  [`${id}.json`, 'open'],
  ['./', 'open'],
  ['etc/', 'rootfs'],
  ['bin', 'rootfs'],
  ['srv/oci-layout', 'rootfs'],
  ['index.json/x', 'rootfs'],
];
for (const [name, verdict] of verdicts) {
  test(`a member named ${name} says ${verdict}`, () => assert.equal(judgeMember(name), verdict));
}

test('name, type and size are read from a header with a prefix field', async () => {
  const archive = pack();
  const name = `${'d'.repeat(80)}/${'f'.repeat(80)}`;
  archive.entry({ name, size: 5 }, 'hello');
  archive.finalize();
  const block: Buffer = Buffer.from((await archive[Symbol.asyncIterator]().next()).value ?? []);
  assert.deepEqual(readMemberHeader(block.subarray(0, 512)), { name, type: '0', size: 5 });
});

test('a block of zeros and a broken size end the reading', () => {
  assert.equal(readMemberHeader(Buffer.alloc(512)), undefined);
  const block = Buffer.alloc(512);
  block.write('x');
  block.write('not a number', 124);
  assert.equal(readMemberHeader(block), undefined);
});

test('extended headers say nothing about the archive themselves', () => {
  assert.deepEqual(
    ['x', 'g', 'L', 'K', '0', '5'].map((type) => isMetaMember(type)),
    [true, true, true, true, false, false],
  );
});
