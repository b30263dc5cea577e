import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applicationName } from '../../../src/workload/application-name.ts';
import { commandWords } from '../../../src/workload/command.ts';
import { declaredPorts, declaredVolumes, workingDirectory } from '../../../src/workload/declared.ts';
import { parseStopSignal } from '../../../src/workload/stop-signal.ts';

test('H9 ports are sorted lines with a protocol; odd ones are ignored with a note', () => {
  assert.deepEqual(declaredPorts(['80', '443/tcp', '53/udp', '80/tcp']).values, [
    '443/tcp',
    '53/udp',
    '80/tcp',
  ]);
  const odd = ['70000', '0', '-1', '80-90/tcp', '80/tcp;x', '80/sctp', '080', '', '80/TCP'];
  const { values, notes } = declaredPorts(odd);
  assert.deepEqual(values, []);
  assert.equal(notes.length, odd.length);
});

test('H9 a flood of ports is cut, and so are its notes', () => {
  const { values, notes } = declaredPorts(Array.from({ length: 60_000 }, (_, index) => `${index + 1}/tcp`));
  assert.equal(values.length, 256);
  assert.equal(notes.length, 11);
});

test('H5 volumes are plain absolute paths that lead over no link', () => {
  const links = ['var/run', 'data'];
  const isLink = (path: string): boolean => links.includes(path);
  assert.deepEqual(declaredVolumes(['/b//c/', '/a'], isLink).values, ['/a', '/b/c']);
  const odd = [
    '/../../x',
    '',
    '/',
    '/proc',
    '/sys/x',
    '/dev',
    'rel',
    '/a:b',
    '/a|b',
    '/a,b',
    '/a\nb',
    '/a\\',
    '/a /b',
    '/a\u00a0',
    '/x/./y',
    '/a\uffffb',
  ];
  assert.deepEqual(declaredVolumes([...odd, '/var/run/x', '/data'], isLink).values, []);
});

test('a volume below another one is left out, in whatever order and with whatever slashes', () => {
  const { values, notes } = declaredVolumes(['/data//a/system', '/data/', '/data-b', '/x/y'], () => false);
  assert.deepEqual(values, ['/data', '/data-b', '/x/y']);
  assert.deepEqual(notes, [
    'ignoring the image\'s volume "/data//a/system": its data lie in the volume "/data"',
  ]);
  // What is not mounted itself takes nothing with it.
  assert.deepEqual(declaredVolumes(['/l', '/l/deep'], (path) => path === 'l').values, []);
  assert.deepEqual(declaredVolumes(['/proc', '/a,b', '/a,b/c', '/proc/x'], () => false).values, []);
});

test('a flood of volumes is cut', () => {
  const volumes = Array.from({ length: 60_000 }, (_, index) => `/volume-${index}`);
  assert.equal(declaredVolumes([...volumes, `/${'a/'.repeat(200_000)}`], () => false).values.length, 256);
});

test('H4 a working directory is absolute and stays in the root', () => {
  assert.equal(workingDirectory(''), '/');
  assert.equal(workingDirectory('/srv/app'), '/srv/app');
  for (const bad of ['srv', '../..', '/a/../../b', '/a\nb', '/a\ufffe']) {
    assert.throws(() => workingDirectory(bad), { code: 'input.invalid' });
  }
});

test('stop signals are names, real-time names or numbers that end a workload', () => {
  assert.deepEqual(parseStopSignal('SIGQUIT'), { name: 'SIGQUIT', number: 3 });
  assert.deepEqual(parseStopSignal('term'), { name: 'SIGTERM', number: 15 });
  assert.deepEqual(parseStopSignal('15'), { name: 'SIGTERM', number: 15 });
  assert.deepEqual(parseStopSignal('SIGRTMIN+3'), { name: 'SIGRTMIN+3', number: 37 });
  assert.deepEqual(parseStopSignal('37'), { name: 'SIGRTMIN+3', number: 37 });
  for (const bad of ['', 'SIGSTOP', 'CHLD', '17', '0', '65', 'SIGRTMIN+31', '15 x', 'constructor', '15\nx'])
    assert.equal(parseStopSignal(bad), undefined, bad);
});

test('an application is named after its repository, or its rootfs', () => {
  assert.equal(applicationName('docker.io/library/my_app:1.2', 'fs'), 'my-app');
  assert.equal(applicationName('docker.io/library/nginx@sha256:00', 'fs'), 'nginx');
  assert.equal(applicationName('docker.io/x/1st.app', 'fs'), 'fs');
  assert.equal(applicationName(undefined, 'fs'), 'fs');
});

test('a command’s first word is found along the image’s PATH, then in the usual directories', () => {
  const has =
    (...files: string[]) =>
    (path: string): boolean =>
      files.includes(path);
  const source = { entrypoint: ['run'], cmd: ['', 'x'], env: [['PATH', '/opt/app:/../etc:rel']] as const };
  assert.deepEqual(commandWords(source, has('opt/app/run', 'bin/run')), ['/opt/app/run', '', 'x']);
  assert.deepEqual(commandWords(source, has('bin/run')), ['/bin/run', '', 'x']);
  assert.deepEqual(commandWords(source, has('etc/run')), ['run', '', 'x']);
  assert.deepEqual(commandWords({ ...source, entrypoint: ['./run'] }, has()), ['./run', '', 'x']);
  assert.throws(() => commandWords({ entrypoint: [], cmd: [], env: [] }, has()), {
    message: 'OCI image has no Entrypoint or Cmd',
  });
  // One word that the kernel would refuse, and lines that systemd would: of escapes, and of very many empty words.
  const escapes = '\x01'.repeat(129_000);
  for (const cmd of [['x'.repeat(200_000)], [escapes, escapes], Array.from({ length: 400_000 }, () => '')])
    assert.throws(() => commandWords({ ...source, cmd }, has()), { code: 'input.invalid' });
});
