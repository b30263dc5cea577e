import { pathsThroughWorkingDirectory } from '../../system/owner-calls.ts';
import { ownWorkingDirectory } from '../../system/working-directory.ts';
import type { UidShift } from '../uid-shift.ts';
import { addProblem, noProblems, type Problems } from './problems.ts';
import { openStack, type SharedStack, stackMemory } from './shared-stack.ts';
import { newScratch, type PrivilegedFile, shiftDirectory } from './shift-directory.ts';

/** Room for the paths of directories that wait; what does not fit is kept by the thread that found it. */
const stackBytes = 4 * 1024 * 1024;

/** One tree that several threads give away. It can be sent to a thread as it is. */
export interface SharedWork {
  readonly rootFd: number;
  readonly shift: UidShift;
  readonly stack: SharedArrayBuffer;
  /** One word: entries that are done. */
  readonly done: SharedArrayBuffer;
}

/** What one thread found. */
export interface Findings {
  readonly spared: readonly PrivilegedFile[];
  readonly problems: Problems;
}

/** The work on a tree, with its root directory to begin with. */
export function newSharedWork(rootFd: number, shift: UidShift): SharedWork {
  const work = { rootFd, shift, stack: stackMemory(stackBytes), done: new SharedArrayBuffer(4) };
  openStack(work.stack).push(Buffer.alloc(0));
  return work;
}

/** Entries that are done, by all threads together. */
export function entriesDone({ done }: SharedWork): number {
  return Atomics.load(new Int32Array(done), 0);
}

/** One thread's part in the work. */
export interface Part {
  readonly findings: () => Findings;
  readonly stack: SharedStack;
  /** Goes through directories until there is none to be had. @throws SdmeError `disk.full` */
  readonly run: (onDirectory?: () => void) => 'idle' | 'over';
}

/** Takes part in the work, for which the thread's working directory is needed; undefined when it is over already. */
export function takePart(work: SharedWork): Part | undefined {
  const stack = openStack(work.stack);
  if (!stack.join()) return undefined;
  ownWorkingDirectory();
  const done = new Int32Array(work.done);
  const own: Buffer[] = [];
  const spared: PrivilegedFile[] = [];
  let problems = noProblems;
  const report = (error: unknown, path: Buffer): void => {
    problems = addProblem(problems, error, path);
  };
  const tree = {
    rootFd: work.rootFd,
    shift: work.shift,
    scratch: newScratch(),
    pathsIn: pathsThroughWorkingDirectory,
    enter: (path: Buffer): void => {
      if (!stack.push(path)) own.push(path);
    },
    spare: (file: PrivilegedFile): void => void spared.push(file),
    report,
  };
  return {
    stack,
    findings: () => ({ spared, problems }),
    run: (onDirectory) => {
      for (;;) {
        const next = own.pop() ?? stack.take();
        if (next === 'idle' || next === 'over') return next;
        try {
          Atomics.add(done, 0, shiftDirectory(tree, next));
        } catch (error) {
          report(error, next);
        }
        onDirectory?.();
      }
    },
  };
}
