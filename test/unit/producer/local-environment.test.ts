import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSettings } from '../../../src/config/load.ts';
import { localEnvironment } from '../../../src/producer/local-environment.ts';

test('the worker gets the directories and the proxies of the caller, and nothing else of its environment', () => {
  const settings = parseSettings({ datadir: '/d', rundir: '/r', host_id: 'h1' }, 'test');
  const environment = localEnvironment(settings, '/etc/other.conf', {
    PATH: '/home/someone/bin',
    AWS_SECRET_ACCESS_KEY: 'secret',
    NODE_OPTIONS: '--require /tmp/x.js',
    HTTPS_PROXY: 'http://proxy',
    no_proxy: '',
  });
  const { HOME: _, ...rest } = environment;
  assert.deepEqual(rest, {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    LC_ALL: 'C.UTF-8',
    NODE_COMPILE_CACHE: '/var/cache/sdme/compile',
    SDME_DATADIR: '/d',
    SDME_RUNDIR: '/r',
    SDME_HOST_ID: 'h1',
    SDME_CONFIG: '/etc/other.conf',
    HTTPS_PROXY: 'http://proxy',
  });
});
