import type { Import } from '../elf/shared-object.ts';
import {
  add,
  and,
  callFunction,
  goTo,
  imported,
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
import { bytesOf } from './failures.ts';
import { lookForStream, sameText, streamTexts } from './stream-paths.ts';

/**
 * A shared object for LD_PRELOAD (contract 5.2) that lets a workload open its standard streams by path.
 *
 * systemd gives services sockets to journald as standard output and error, and a socket cannot be opened
 * again through /proc (open(2): ENXIO), so that programs which log to /dev/stdout fail. Here open(3) of such
 * a path, or of a link to one, is a duplicate of the stream itself; every other open is the system call.
 *
 * It stands for the functions of {@link devfdShimExports}, which are what a program's own open, creat and fopen
 * become, also with _FORTIFY_SOURCE or 64-bit offsets. Not reached are freopen(3) (it closes its stream before it
 * fails, so it would have to be written anew), calls inside of the C library, system calls that a program makes
 * itself, static programs, and paths that reach a stream in another way, such as a link to a link.
 */

const AT_FDCWD = -100;
const ENXIO = 6;
const ENOSYS = 38;
const O_RDWR = 2;
const O_WRONLY_CREAT_TRUNC = 0o1101;
const O_CLOEXEC = 0o2000000;
const F_DUPFD = 0;
const F_DUPFD_CLOEXEC = 1030;
const RTLD_NEXT = -1;
const linkBytes = 128;

/** Arguments of openat(2) but for the path. */
interface OpenArguments {
  readonly directory: Operand;
  readonly flags: Operand;
  readonly mode: Operand;
}

/** Keeps a value in a slot. */
const keep = (name: string, value: Operand): Step[] => [
  set('cursor', slot(name)),
  set('error', value),
  store('error', 8, 'cursor'),
];

const openIt = ({ directory, flags, mode }: OpenArguments): Step[] => [
  ...keep('directory', directory),
  ...keep('flags', flags),
  ...keep('mode', mode),
  goTo('open it'),
];

/** A function named as in C, also under its name for 64-bit offsets, which all are here; it ends as `open it` ends. */
function opener(
  [name, name64]: readonly [string, string],
  parameters: readonly string[],
  { directory = AT_FDCWD, flags = variable('result'), mode = 0 }: Partial<OpenArguments>,
): Step[] {
  return [
    label(name64),
    { step: 'enter function', name, parameters },
    ...keep('FILE mode', 0),
    ...openIt({ directory, flags, mode }),
  ];
}

/**
 * fopen(3) is that of the C library, which opens files without calling its own open. What it cannot open for want of
 * a device is opened as by open(3), and becomes a FILE.
 *
 * glibc has it under a second name in all versions. In musl it is the next one after this (dlsym(3): RTLD_NEXT); old
 * versions of glibc keep dlsym in a library that few programs load.
 */
const fopen: Step[] = [
  label('fopen64'),
  { step: 'enter function', name: 'fopen', parameters: ['path', 'entry'] },
  ...keep('FILE mode', variable('entry')),
  set('byte', imported('_IO_fopen')),
  when('byte', '!=', 0, 'fopen of the C library'),
  set('byte', imported('dlsym')),
  when('byte', '==', 0, 'no fopen'),
  callFunction('byte', [RTLD_NEXT, text('fopen')], 'byte'),
  when('byte', '==', 0, 'no fopen'),
  label('fopen of the C library'),
  callFunction('byte', [variable('path'), variable('entry')], 'result'),
  when('result', '!=', 0, 'leave'),
  set('cursor', imported('__errno_location')),
  callFunction('cursor', [], 'cursor'),
  load('error', 4, 'cursor'),
  when('error', '!=', ENXIO, 'leave'),
  ...openIt({ directory: AT_FDCWD, flags: O_RDWR, mode: 0 }),
  label('no fopen'),
  set('error', ENOSYS),
  goTo('fail'),
];

const steps: Step[] = [
  ...opener(['open', 'open64'], ['path', 'result', 'entry'], { mode: variable('entry') }),
  ...opener(['openat', 'openat64'], ['byte', 'path', 'result', 'entry'], {
    directory: variable('byte'),
    mode: variable('entry'),
  }),
  ...opener(['creat', 'creat64'], ['path', 'entry'], {
    flags: O_WRONLY_CREAT_TRUNC,
    mode: variable('entry'),
  }),
  // What open and openat become where _FORTIFY_SOURCE cannot see that the flags need no mode.
  ...opener(['__open_2', '__open64_2'], ['path', 'result'], {}),
  ...opener(['__openat_2', '__openat64_2'], ['byte', 'path', 'result'], { directory: variable('byte') }),
  ...fopen,

  // 1. A stream's own path.
  label('open it'),
  set('error', 0),
  label('look'),
  ...lookForStream('duplicate'),
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
  when('result', '>=', 0, 'opened'),
  set('error', variable('result')),
  multiply('error', -1),
  when('error', '!=', ENXIO, 'fail'),

  // 3. A link to a stream, one level deep. A text that is cut is the path of none.
  set('entry', slot('link')),
  systemCall('readlinkat', [variable('byte'), variable('path'), variable('entry'), linkBytes], 'result'),
  when('result', '<', 0, 'fail'),
  add('entry', variable('result')),
  set('byte', 0),
  store('byte', 1, 'entry'),
  set('path', slot('link')),
  goTo('look'),

  // 4. A duplicate of the stream, which closes at execve(2) if that was asked for.
  label('duplicate'),
  set('cursor', slot('flags')),
  load('byte', 8, 'cursor'),
  and('byte', O_CLOEXEC),
  set('entry', F_DUPFD),
  when('byte', '==', 0, 'passed on'),
  set('entry', F_DUPFD_CLOEXEC),
  label('passed on'),
  systemCall('fcntl', [variable('result'), variable('entry'), 0], 'result'),
  when('result', '>=', 0, 'opened'),
  set('error', variable('result')),
  multiply('error', -1),

  label('fail'),
  set('cursor', imported('__errno_location')),
  callFunction('cursor', [], 'cursor'),
  store('error', 4, 'cursor'),
  set('result', -1),

  // 5. For fopen, a FILE of it, or none. A failed close leaves errno as it is: it is the system call.
  label('opened'),
  set('cursor', slot('FILE mode')),
  load('entry', 8, 'cursor'),
  when('entry', '==', 0, 'leave'),
  when('result', '<', 0, 'no FILE'),
  set('path', variable('result')),
  set('byte', imported('fdopen')),
  callFunction('byte', [variable('path'), variable('entry')], 'result'),
  when('result', '!=', 0, 'leave'),
  systemCall('close', [variable('path')], 'error'),
  label('no FILE'),
  set('result', 0),
  label('leave'),
  { step: 'leave function', result: variable('result') },

  ...sameText,
];

/** Functions that the shim puts before those of the C library. */
export const devfdShimExports = [
  ...['open', 'openat', 'creat', 'fopen'],
  ...['open64', 'openat64', 'creat64', 'fopen64'],
  ...['__open_2', '__open64_2', '__openat_2', '__openat64_2'],
] as const;
/** Functions it needs from the C library: where errno lies, in glibc and musl alike, and what {@link fopen} says. */
export const devfdShimImports: readonly Import[] = [
  { name: '__errno_location', optional: false },
  { name: 'fdopen', optional: false },
  { name: '_IO_fopen', optional: true },
  { name: 'dlsym', optional: true },
];

/** The shim in words. */
export const devfdShimProgram: Program = {
  variables: ['path', 'result', 'entry', 'cursor', 'byte', 'error'],
  slots: { directory: 8, flags: 8, mode: 8, 'FILE mode': 8, link: linkBytes + 1 },
  texts: { ...streamTexts, fopen: bytesOf('fopen\0') },
  steps,
};
