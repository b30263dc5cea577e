import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeKind } from '../../../src/system/fs/beneath.ts';
import { applicationName } from '../../../src/workload/application-name.ts';
import { commandWords } from '../../../src/workload/command.ts';
import { declaredPorts, declaredVolumes, workingDirectory } from '../../../src/workload/declared.ts';
import { environmentText } from '../../../src/workload/environment.ts';
import { parseStopSignal } from '../../../src/workload/stop-signal.ts';

const rootWith = (kinds: Readonly<Record<string, NodeKind>> = {}, needed: readonly string[] = []) => ({
  kindOf: (path: string): NodeKind | undefined => kinds[path],
  needed,
});

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
  const root = rootWith({ var: 'directory', 'var/run': 'symlink', data: 'symlink', b: 'directory' });
  assert.deepEqual(declaredVolumes(['/b//c/', '/a'], root).values, ['/a', '/b/c']);
  const odd = [
    '/../../x',
    '',
    '/',
    '/proc',
    '/sys/x',
    '/run/x',
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
  assert.deepEqual(declaredVolumes([...odd, '/var/run/x', '/data'], root).values, []);
});

test('a volume below another one is left out, in whatever order and with whatever slashes', () => {
  const { values, notes } = declaredVolumes(['/data//a/system', '/data/', '/data-b', '/x/y'], rootWith());
  assert.deepEqual(values, ['/data', '/data-b', '/x/y']);
  assert.deepEqual(notes, [
    'ignoring the image\'s volume "/data//a/system": its data lie in the volume "/data"',
  ]);
  // What is not mounted itself takes nothing with it.
  assert.deepEqual(declaredVolumes(['/l', '/l/deep'], rootWith({ l: 'symlink' })).values, []);
  assert.deepEqual(declaredVolumes(['/proc', '/a,b', '/a,b/c', '/proc/x'], rootWith()).values, []);
});

test('a flood of volumes is cut', () => {
  const volumes = Array.from({ length: 60_000 }, (_, index) => `/volume-${index}`);
  assert.equal(declaredVolumes([...volumes, `/${'a/'.repeat(200_000)}`], rootWith()).values.length, 256);
});

test('a volume that could not be mounted, or would hide what starts the application, is left out', () => {
  const root = rootWith({ etc: 'directory', 'etc/passwd': 'file', pipe: 'other' }, ['/usr/bin', '/usr/lib']);
  const problems = (...paths: string[]): string[] =>
    declaredVolumes(paths, root).notes.map((note) => note.slice(note.lastIndexOf(': ') + 2));
  const [file, hidden, long] = [
    'it leads over a file',
    'the application could not start without what lies there',
    'its path is too long',
  ];
  assert.deepEqual(problems('/etc/passwd', '/etc/passwd/x', '/pipe'), [file, file, file]);
  assert.deepEqual(problems('/usr', '/usr//bin', '/usr/lib/'), [hidden, hidden, hidden]);
  assert.deepEqual(problems(`/${'a'.repeat(256)}`, `/${'é'.repeat(100)}/${'b'.repeat(60)}`), [long, long]);
  const fine = [
    '/etc',
    '/usr/lib/x',
    '/usr/libexec',
    `/${'a'.repeat(255)}`,
    `/${'é'.repeat(100)}/${'b'.repeat(54)}`,
  ];
  assert.deepEqual(declaredVolumes(fine, root).values, [...fine].sort());
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

test('an environment that no process can be given is refused', () => {
  assert.equal(environmentText([['A', 'x'.repeat(100_000)]]).length, 100_005);
  assert.throws(() => environmentText([['LONG', 'x'.repeat(131_072)]]), {
    code: 'input.invalid',
    message: /variable "LONG"/,
  });
  const many = Array.from({ length: 20 }, (_, index) => [`V${index}`, 'é'.repeat(30_000)] as const);
  assert.throws(() => environmentText(many), { code: 'input.invalid', message: /1 MiB/ });
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
