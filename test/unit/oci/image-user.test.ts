import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resolveUser } from '../../../src/oci/image-user.ts';

const passwd = `root:x:0:0::/root:/bin/sh
redis:x:101:102::/:/bin/false
1234:x:55:56::/:/bin/false
broken:x:-1:0::/:
wrap:x:4294967296:0::/:
half:x:9
`;
const group = 'root:x:0:\nwww:x:33:\nodd:x:99999999999:\n';
const files = { passwd: () => passwd, group: () => group };
const unread = {
  passwd: () => assert.fail('read passwd'),
  group: () => assert.fail('read group'),
};

test('nobody named, root and 0 are root, without a look at the image’s files', () => {
  for (const user of ['', 'root', '0', '0:0'])
    assert.deepEqual(resolveUser(user, unread), { uid: 0, gid: 0 });
});

test('names, numbers and groups are looked up in the image', () => {
  const ids = (user: string): number[] => {
    const { uid, gid } = resolveUser(user, files);
    return [uid, gid];
  };
  assert.deepEqual(ids('redis'), [101, 102]);
  assert.deepEqual(ids('redis:www'), [101, 33]);
  assert.deepEqual(ids('101'), [101, 102]);
  assert.deepEqual(ids('1234'), [1234, 1234], 'digits are an id, never a name');
  assert.deepEqual(ids('7:5'), [7, 5]);
  assert.deepEqual(ids('root:www'), [0, 33]);
});

test('H8 what would be root by accident, or no id at all, is refused', () => {
  const bad = [
    '-1',
    '4294967295',
    '4294967296',
    '99999999999',
    '00',
    '0x0',
    '1000:',
    ':5',
    'a:b:c',
    ':',
    'broken',
  ];
  for (const user of [...bad, 'wrap', 'half', 'nobody', 'redis:odd', 'redis:none', '7:4294967295', ' root'])
    assert.throws(() => resolveUser(user, files), { code: 'input.invalid' }, user);
  assert.throws(() => resolveUser('x', files), { message: "OCI User 'x' not found" });
  assert.throws(() => resolveUser('redis:g', files), { message: "OCI group 'g' not found" });
});
