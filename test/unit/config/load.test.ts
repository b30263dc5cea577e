import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { loadSettings } from '../../../src/config/load.ts';
import { tempDir } from '../../helpers/temp-dir.ts';

const refused: readonly (readonly [
  what: string,
  text: string,
  environment: Readonly<Record<string, string>>,
  says: RegExp,
])[] = [
  ['a value of another type', 'boot_timeout = "x"', {}, /sdme\.conf is not valid: boot_timeout: .*number/],
  ['an unknown key', 'bogus = 1', {}, /sdme\.conf is not valid: .*bogus/],
  ['two faults', 'bogus = 1\ndatadir = "rel"', {}, /: datadir: must be an absolute path; .*bogus/],
  [
    'a variable',
    '',
    { SDME_DATADIR: 'rel' },
    /^SDME_DATADIR is not valid: datadir: must be an absolute path$/,
  ],
  [
    'a queue that is no URL',
    '',
    { SDME_REDIS_URL: 'foo' },
    /^SDME_REDIS_URL is not valid: queue_url: must be/,
  ],
  ['a host name', '', { SDME_HOST_ID: 'a b' }, /^SDME_HOST_ID is not valid: host_id: takes 1 to 63/],
];

describe('loadSettings', () => {
  for (const [what, text, environment, says] of refused) {
    test(`names what is wrong where, on one line: ${what}`, async () => {
      await using directory = await tempDir();
      const file = `${directory.path}/sdme.conf`;
      await writeFile(file, text);
      await assert.rejects(loadSettings(file, environment), (error) => {
        assert.ok(error instanceof Error);
        assert.match(error.message, says);
        assert.doesNotMatch(error.message, /\n/);
        return true;
      });
    });
  }

  test('what the environment says goes before the file', async () => {
    await using directory = await tempDir();
    const file = `${directory.path}/sdme.conf`;
    await writeFile(file, 'datadir = "/srv/a"\nqueue_url = "redis://a"');
    const settings = await loadSettings(file, { SDME_DATADIR: '/srv/b', SDME_REDIS_URL: 'rediss://b:1/2' });
    assert.deepEqual([settings.datadir, settings.queue_url], ['/srv/b', 'rediss://b:1/2']);
  });
});
