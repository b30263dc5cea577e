import {
  add,
  back,
  call,
  goTo,
  label,
  load,
  multiply,
  type Operand,
  type Program,
  type Step,
  set,
  slot,
  store,
  systemCall,
  text,
  variable,
  when,
} from '../program.ts';

/**
 * A shared object for LD_PRELOAD (contract 5.2) that lets a workload open its standard streams by path.
 *
 * systemd gives services sockets to journald as standard output and error, and a socket cannot be opened
 * again through /proc (open(2): ENXIO), so that programs which log to /dev/stdout fail. Here open(3) of such
 * a path, or of a link to one, is a dup(2) of the stream itself; every other open is the system call.
 */

const AT_FDCWD = -100;
const ENXIO = 6;
const linkBytes = 128;

/** The paths of streams 0, 1 and 2. */
const streams: readonly (readonly string[])[] = [
  ['/dev/stdin', '/dev/fd/0', '/proc/self/fd/0'],
  ['/dev/stdout', '/dev/fd/1', '/proc/self/fd/1'],
  ['/dev/stderr', '/dev/fd/2', '/proc/self/fd/2'],
];

/** A function named as in C: keeps its arguments, and goes on at `open it`. */
function entryPoint(name: string, parameters: readonly string[], directory: Operand): Step[] {
  return [
    { step: 'enter function', name, parameters },
    set('cursor', slot('flags')),
    store('result', 8, 'cursor'),
    set('cursor', slot('mode')),
    store('entry', 8, 'cursor'),
    set('byte', directory),
    set('cursor', slot('directory')),
    store('byte', 8, 'cursor'),
    goTo('open it'),
  ];
}

/** For each path of a stream: goes to its `dup` when `path` is that path. */
const lookForStream: Step[] = streams.flatMap((paths, descriptor) =>
  paths.flatMap((path) => [
    set('entry', text(path)),
    call('same text'),
    when('result', '==', 1, `stream ${descriptor}`),
  ]),
);

/**
 * `result` becomes 1 when the texts at `path` and `entry` are equal, else 0. Byte by byte: reading ahead
 * could cross into a page that is not there.
 */
const sameText: Step[] = [
  label('same text'),
  set('cursor', variable('path')),
  label('next byte'),
  load('byte', 1, 'cursor'),
  load('result', 1, 'entry'),
  when('byte', '!=', variable('result'), 'differs'),
  add('cursor', 1),
  add('entry', 1),
  when('byte', '!=', 0, 'next byte'),
  set('result', 1),
  back,
  label('differs'),
  set('result', 0),
  back,
];

const steps: Step[] = [
  ...entryPoint('open', ['path', 'result', 'entry'], AT_FDCWD),
  ...entryPoint('open64', ['path', 'result', 'entry'], AT_FDCWD),
  ...entryPoint('openat', ['byte', 'path', 'result', 'entry'], variable('byte')),
  ...entryPoint('openat64', ['byte', 'path', 'result', 'entry'], variable('byte')),

  // 1. A stream's own path.
  label('open it'),
  set('error', 0),
  label('look'),
  ...lookForStream,
  // A second look found that the link does not lead to a stream either: the first error stands.
  when('error', '!=', 0, 'fail'),

  // 2. The system call.
  set('cursor', slot('directory')),
  load('byte', 8, 'cursor'),
  set('cursor', slot('flags')),
  load('entry', 8, 'cursor'),
  set('cursor', slot('mode')),
  load('cursor', 8, 'cursor'),
  systemCall('openat', [variable('byte'), variable('path'), variable('entry'), variable('cursor')], 'result'),
  when('result', '>=', 0, 'done'),
  set('error', variable('result')),
  multiply('error', -1),
  when('error', '!=', ENXIO, 'fail'),

  // 3. A link to a stream, one level deep.
  set('entry', slot('link')),
  systemCall('readlinkat', [variable('byte'), variable('path'), variable('entry'), linkBytes], 'result'),
  when('result', '<', 0, 'fail'),
  when('result', '==', linkBytes, 'fail'),
  add('entry', variable('result')),
  set('byte', 0),
  store('byte', 1, 'entry'),
  set('path', slot('link')),
  goTo('look'),

  ...streams.flatMap((_paths, descriptor) => [
    label(`stream ${descriptor}`),
    set('result', descriptor),
    goTo('duplicate'),
  ]),
  label('duplicate'),
  systemCall('dup', [variable('result')], 'result'),
  when('result', '>=', 0, 'done'),
  set('error', variable('result')),
  multiply('error', -1),

  label('fail'),
  { step: 'call import', name: '__errno_location', into: 'cursor' },
  store('error', 4, 'cursor'),
  set('result', -1),
  label('done'),
  { step: 'leave function', result: variable('result') },

  ...sameText,
];

/** Functions that the shim puts before those of the C library. */
export const devfdShimExports = ['open', 'open64', 'openat', 'openat64'] as const;
/** Functions it needs from the C library: where errno lies, in glibc and musl alike. */
export const devfdShimImports = ['__errno_location'] as const;

/** The shim in words. */
export const devfdShimProgram: Program = {
  variables: ['path', 'result', 'entry', 'cursor', 'byte', 'error'],
  slots: { directory: 8, flags: 8, mode: 8, link: linkBytes },
  texts: Object.fromEntries(streams.flat().map((path) => [path, new TextEncoder().encode(`${path}\0`)])),
  steps,
};
