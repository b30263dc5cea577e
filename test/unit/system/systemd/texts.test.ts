import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMountInfo } from '../../../../src/system/mounts.ts';
import { addressText } from '../../../../src/system/systemd/machines.ts';
import { pathElement } from '../../../../src/system/systemd/object-path.ts';

const elements: readonly (readonly [string, string])[] = [
  ['web', 'web'],
  ['my-box', 'my_2dbox'],
  ['sdme@web.service', 'sdme_40web_2eservice'],
  ['1st', '_31st'],
  ['a_b', 'a_5fb'],
  ['', '_'],
];
for (const [name, element] of elements) {
  test(`${JSON.stringify(name)} is ${element} in an object path`, () =>
    assert.equal(pathElement(name), element));
}

const addresses: readonly (readonly [number[], string | undefined])[] = [
  [[192, 168, 1, 2], '192.168.1.2'],
  [[0xfe, 0x80, ...Array<number>(13).fill(0), 1], 'fe80::1'],
  [[0x20, 1, 0xd, 0xb8, ...Array<number>(12).fill(0)], '2001:db8::'],
  [[1, 2, 3], undefined],
];
for (const [bytes, text] of addresses) {
  test(`the address of bytes ${bytes.join(' ')} is ${text}`, () => {
    assert.equal(addressText(Uint8Array.from(bytes)), text);
  });
}

test('mountinfo is read with optional fields and escaped blanks', () => {
  const info =
    '22 1 0:20 / / rw,relatime shared:1 master:2 - ext4 /dev/sda1 rw\n' +
    '30 22 0:30 / /srv/a\\040b nosuid,ro - overlay overlay rw,lowerdir=/x\n';
  assert.deepEqual(parseMountInfo(info), [
    { mountPoint: '/', fsType: 'ext4', readOnly: false },
    { mountPoint: '/srv/a b', fsType: 'overlay', readOnly: true },
  ]);
});
