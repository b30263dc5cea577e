import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDigest } from '../../../../src/base/digests.ts';
import { judgeAnswer } from '../../../../src/oci/blobs/fetch-blob.ts';

const wanted = { mediaType: 'x', digest: parseDigest(`sha256:${'a'.repeat(64)}`), size: 100 };
const judge = (status: number, headers: Record<string, string>, offset: number) =>
  judgeAnswer({ status, headers }, offset, wanted);
const part = (range: string, length = '60') => ({
  'content-range': `bytes ${range}`,
  'content-length': length,
});

test('the whole begins again, the asked-for part is appended, another part is asked for again (I8)', () => {
  assert.equal(judge(200, { 'content-length': '100' }, 0), 'append');
  assert.equal(judge(200, {}, 0), 'append');
  assert.equal(judge(200, { 'content-length': '100' }, 40), 'restart');
  assert.equal(judge(206, part('40-99/100'), 40), 'append');
  assert.equal(judge(206, part('40-99/*'), 40), 'append');
  for (const range of ['0-99/100', '41-99/100', '40-98/100', '40-99/200', 'x']) {
    assert.equal(judge(206, part(range), 40), 'ask-again', range);
  }
  assert.equal(judge(206, part('0-99/100', '100'), 0), 'append');
  assert.throws(() => judge(206, part('5-99/100'), 0), { code: 'oci.protocol' });
});

test('a length other than the descriptor says is refused before a byte is read (I9)', () => {
  for (const length of ['99', '101', '-1', 'x', '1e9']) {
    assert.throws(() => judge(200, { 'content-length': length }, 0), { code: 'oci.digest-mismatch' });
    assert.throws(() => judge(206, part('40-99/100', length), 40), { code: 'oci.digest-mismatch' });
  }
});
