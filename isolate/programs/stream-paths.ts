import { add, back, call, goTo, label, load, type Step, set, text, variable, when } from '../program.ts';
import { bytesOf } from './failures.ts';

/** The paths of streams 0, 1 and 2. */
const streams: readonly (readonly string[])[] = [
  ['/dev/stdin', '/dev/fd/0', '/proc/self/fd/0'],
  ['/dev/stdout', '/dev/fd/1', '/proc/self/fd/1'],
  ['/dev/stderr', '/dev/fd/2', '/proc/self/fd/2'],
];

/**
 * When `path` is that of a stream: `result` becomes its descriptor, and it goes on at `found`. Needs {@link sameText}
 * and {@link streamTexts} in the same program.
 */
export const lookForStream = (found: string): Step[] => [
  ...streams.flatMap((paths, descriptor) =>
    paths.flatMap((path) => [
      set('entry', text(path)),
      call('same text'),
      when('result', '==', 1, `stream ${descriptor}`),
    ]),
  ),
  goTo('no stream'),
  ...streams.flatMap((_paths, descriptor) => [
    label(`stream ${descriptor}`),
    set('result', descriptor),
    goTo(found),
  ]),
  label('no stream'),
];

/**
 * `result` becomes 1 when the texts at `path` and `entry` are equal, else 0. Byte by byte: reading ahead
 * could cross into a page that is not there.
 */
export const sameText: Step[] = [
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

/** The texts of {@link lookForStream}. */
export const streamTexts = Object.fromEntries(streams.flat().map((path) => [path, bytesOf(`${path}\0`)]));
