import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serverDoubts } from '../../../src/queue/server-doubts.ts';

test('of a shared server it is said in what it keeps less than the embedded one', () => {
  assert.deepEqual(serverDoubts({ aof: '1', eviction: 'noeviction', fsync: 'always' }), []);
  assert.deepEqual(serverDoubts({ aof: undefined, eviction: undefined, fsync: undefined }), []);
  const doubts = (facts: { aof: string; eviction: string; fsync: string }): string =>
    serverDoubts(facts).join('\n');
  assert.match(doubts({ aof: '0', eviction: 'noeviction', fsync: 'always' }), /^it has no append-only file/);
  assert.match(doubts({ aof: '1', eviction: 'noeviction', fsync: 'everysec' }), /appendfsync everysec/);
  assert.match(
    doubts({ aof: '1', eviction: 'allkeys-lru', fsync: 'always' }),
    /maxmemory-policy allkeys-lru/,
  );
});
